export type { Backbone, Stem } from './backbone.ts';
export { DeepLabV3Plus, type FeatureDrop, type ModelOptions } from './deeplabv3plus.ts';
export { type BackboneName, backboneNames } from './registry.ts';
