export { initialise } from './initialise.ts';
export * from './layers.ts';
export { Module } from './module.ts';
