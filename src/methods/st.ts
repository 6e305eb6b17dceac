/**
 * ST and ST++ (Yang et al., "ST++: Make Self-training Work Better for Semi-supervised Semantic Segmentation", CVPR 2022; SPEC
 * section 8b): a network that learnt from the labelled images labels the others, and a fresh one learns from both. ST++ begins
 * with the half of them on which the first network's labels changed least while it learnt. A step is supervised training's,
 * with plain cross entropy on every dataset.
 */
import type { Method, Round } from './method.ts';
import type { MethodOptions } from './options.ts';
import { supervised } from './supervised.ts';

function selfTraining(name: string, rounds: readonly Round[], options: MethodOptions): Method {
  const { step } = supervised({ ...options, loss: { ...options.loss, labelled: 'ce' } });
  return { name, usesUnlabelled: true, rounds, rateLag: 0, step };
}

export const st = (options: MethodOptions): Method => selfTraining('st', ['all'], options);
export const stpp = (options: MethodOptions): Method => selfTraining('stpp', ['reliable', 'all'], options);
