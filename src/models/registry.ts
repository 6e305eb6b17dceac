/** All backbones by name. A new one is its own file and its place here. */
import type { Backbone, BackboneOptions } from './backbone.ts';
import { resnets } from './resnet.ts';
import { Xception } from './xception.ts';

export const backbones = { ...resnets, xception: (options: BackboneOptions) => new Xception(options) } satisfies Record<
  string,
  (options: BackboneOptions) => Backbone
>;
export type BackboneName = keyof typeof backbones;
export const backboneNames = Object.keys(backbones) as BackboneName[];
