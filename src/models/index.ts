export type { Backbone, Stem } from './backbone.ts';
export { type BatchNormRule, DeepLabV3Plus, type FeatureDrop, type ModelOptions } from './deeplabv3plus.ts';
export type { DrawMask } from './dropout.ts';
export { inferModel } from './infer.ts';
export { type BackboneName, backboneNames, backbones } from './registry.ts';
