/**
 * The one schema of a configuration. Every key says what it means, its unit, where its default comes from and what it leaves
 * alone; a test fails on a key that nothing reads. "SPEC n" is the section of the definition that the number stands in, all of
 * it from the paper "Improving Semi-Supervised Semantic Segmentation with Dual-Level Siamese Structure Network" (ACM MM 2023)
 * and its published code.
 */
import * as z from 'zod';
import { auto, autoOrInteger, field, fraction, integer, labelMap, nonNegative, positive, rgb, text } from './fields.ts';
import { withMethodDefaults } from './method-defaults.ts';
import { backbones, evalModes, methods } from './names.ts';

const model = z.strictObject({
  backbone: field(
    z.enum(backbones),
    backbones.join(', '),
    'The encoder (SPEC 2). resnet10, resnet18 and resnet34 have basic blocks and are meant for CPUs and quick runs; xception is the Aligned Xception-65 of the COCO settings.',
  ),
  stem: field(
    z.enum(['deep', 'standard', 'auto']).default('auto'),
    'deep, standard, auto',
    "First layers of a ResNet: deep = three 3x3 convolutions, as published; standard = torchvision's one 7x7, so that its ImageNet weights load; auto = that of the pretrained file, by its keys, and deep without one. xception has a stem of its own. A run's config.json holds which it was.",
  ),
  output_stride: field(
    z.union([z.literal(16), z.literal(8)]).default(16),
    '16, 8',
    'Input pixels per cell of the deepest features. 8 keeps more detail and takes about three times the time of layers 3 and 4. xception: 16 alone.',
  ),
  decoder_channels: field(
    integer(1).default(256),
    'an integer of at least 1',
    'Channels of the two 3x3 convolutions that fuse low and high features (SPEC 2: 256). They are most of the work of a small backbone: 64 makes a DSSN step of resnet10 1.6 to 1.8 times as fast.',
  ),
  aspp_dropout: field(
    z.number().min(0).lt(1).default(0),
    'a number from 0 up to, but not including, 1 (share of the channels)',
    'Whole channels that training drops after the ASPP projection: 0 as published, 0.5 in ST++ (SPEC 8b). No influence on evaluation, nor on names and number of the weights.',
  ),
  fuse_dropout: field(
    z.number().min(0).lt(1).default(0),
    'a number from 0 up to, but not including, 1 (share of the values)',
    'Single values that training drops after the two fusing convolutions: 0 as published, 0.1 in ST++ (SPEC 8b). No influence on evaluation, nor on names and number of the weights.',
  ),
});

const data = z.strictObject({
  dataset: field(text, 'the name of a dataset in the catalogue', 'Gives classes, palette, label map and what eval.mode auto means.'),
  root: field(text, 'a folder: the paths of the lists are relative to it', 'Where the images lie. Does not change what is learnt.'),
  split: field(
    text,
    'the name of a split, or a path (/..., ./..., ../...): a folder with labeled.txt and unlabeled.txt',
    'Which images are labelled: <root>/splits/NAME, then splits/<dataset>/NAME of this package; val.txt stands one level up (SPEC 3). A path is a folder with all three lists, relative to the working directory.',
  ),
  crop_size: field(
    integer(1),
    'an integer of at least 1 (pixels)',
    'Side of the square training crop, pixels; smaller images are padded. Also the window of eval.mode sliding_window and center_crop.',
  ),
  long_side: field(
    integer(1).nullable().default(null),
    'null or an integer of at least 1 (pixels)',
    'Images and masks are brought to this long side before anything else, so that small machines learn from small pictures. Metrics are still taken at the size of the mask.',
  ),
  workers: field(
    autoOrInteger(0).default('auto'),
    'auto or an integer of at least 0',
    'Threads that decode and augment; 0 = in the main thread. Batches do not depend on it, only the speed does.',
  ),
  classes: field(
    z.array(text).min(1).max(254).nullable().default(null),
    "null (the dataset's own) or a list of 1 to 254 names",
    'Names of the classes 0, 1, 2, ...',
  ),
  palette: field(
    z.array(rgb).min(1).max(254).nullable().default(null),
    "null (the dataset's own) or a list of [red, green, blue], each 0 to 255, one a class",
    'Colours of predictions and pictures. Does not affect training or metrics.',
  ),
  label_map: field(
    labelMap.nullable().default(null),
    "null (the dataset's own) or {stored label: train label}, both integers 0 to 255; 255 = ignore",
    'Changes labels as they are read; labels that are not named stay as they are.',
  ),
  label_colours: field(
    z.array(rgb).min(1).max(254).nullable().default(null),
    'null (label maps hold numbers) or a list of [red, green, blue], each 0 to 255, one a class',
    'Label maps are read by their colours, each that of a class in the order of data.classes; of a palette PNG the colours count then, not the numbers. Also the palette, unless data.palette is given.',
  ),
  ignore_colours: field(
    z.array(rgb).nullable().default(null),
    'null or a list of [red, green, blue], each 0 to 255',
    'With data.label_colours: colours of pixels without a label. Any other colour is an error.',
  ),
  cutmix_partner: field(
    z.enum(['same', 'other']).default('same'),
    'same, other',
    'What CutMix pastes: another crop and augmentation of the same images (as published), or of others (as the papers describe); SPEC 3.',
  ),
  num_aug: field(
    auto(z.int().min(0).max(11)),
    'auto or an integer from 0 to 11',
    'Strong views get 1 to num_aug of the eleven operations; 0 = none of them (Cityscapes); auto = 3 with method dssn, 0 with the others. Does not affect jitter, grayscale, blur, CutMix.',
  ),
  scale_base: field(
    integer(1).nullable().default(null),
    'null or an integer of at least 1 (pixels)',
    "What the random scale of training crops (0.5 to 2) multiplies: this long side, or null = each image's own (SPEC 8b: 400 with ST and ST++ on Pascal, 2048 on Cityscapes).",
  ),
});

const warmup = z.strictObject({
  iterations: field(integer(0).nullable().default(null), 'null or an integer of at least 0', 'Length of the warm-up in iterations.'),
  epochs: field(integer(0).nullable().default(null), 'null or an integer of at least 0', 'Length of the warm-up in epochs.'),
});

const train = z.strictObject({
  batch_size: field(
    integer(1),
    'an integer of at least 1',
    'Labelled images per iteration and process, and as many unlabelled ones. Method supervised doubles it, so that both methods see as many images.',
  ),
  accumulate: field(
    integer(1).default(1),
    'an integer of at least 1 (batches)',
    'Batches whose mean gradient makes one SGD step: as large a batch as one likes in the memory of a small one. Batch norm still sees one batch at a time, so the result is near that of a large batch, not equal to it. Iterations count SGD steps.',
  ),
  iterations: field(
    integer(1).nullable().default(null),
    'an integer of at least 1 (exactly one of iterations and epochs)',
    'Length of the run, of st and stpp of each round, in SGD steps. Runs to be compared are set equal in this.',
  ),
  epochs: field(
    integer(1).nullable().default(null),
    'an integer of at least 1 (exactly one of iterations and epochs)',
    'Length of the run in passes over the unlabelled list (supervised: the labelled list; st and stpp: of each round, over its list).',
  ),
  warmup: field(
    warmup
      .nullable()
      .default(null)
      .transform((given) => given ?? { iterations: 1, epochs: null }),
    '{iterations: N} or {epochs: N}',
    'Start of the run without losses on the strong views, the teacher being a copy of the student (SPEC 5). Default 1 iteration, as on Pascal.',
  ),
  burn_in: field(
    z.number().min(0).lt(1).default(0),
    'a number from 0 up to, but not including, 1 (share of the iterations)',
    'The first part of the run learns as method supervised does, from its doubled labelled batches alone, so that pseudo-labels are worth something when they begin (Liu et al., "Unbiased Teacher", ICLR 2021). A warm-up counts from the start of the run too: a longer burn-in leaves none of it, and the teacher goes on as the EMA that it was. No influence on methods supervised, st and stpp. Not published for DSSN.',
  ),
  lr: field(positive, 'a number above 0', 'Base learning rate of the backbone; it falls as (1 - k/T)^power (SPEC 6).'),
  lr_multi: field(
    positive.default(1),
    'a number above 0',
    'The learning rate of all but the backbone is lr x lr_multi (Pascal: 10, Cityscapes: 1).',
  ),
  momentum: field(z.number().min(0).lt(1).default(0.9), 'a number from 0 up to, but not including, 1', 'Momentum of SGD.'),
  weight_decay: field(nonNegative.default(1e-4), 'a number of at least 0', 'Weight decay of SGD, on every parameter.'),
  power: field(nonNegative.default(0.9), 'a number of at least 0', 'Exponent of the poly schedule; 0 = a constant learning rate.'),
  ema: field(
    z.number().min(0).lt(1).default(0.996),
    'a number from 0 up to, but not including, 1',
    'What the teacher keeps of itself per iteration.',
  ),
  ema_warmup: field(
    z.boolean().default(false),
    'true, false',
    'The teacher keeps min(ema, 1 - 1/(k+1)) at iteration k instead, so that it forgets the first weights sooner. Not published.',
  ),
  batch_norm: field(
    z.enum(['shared', 'separate']).default('shared'),
    'shared, separate',
    'shared = every forward pass of the student moves the running statistics of batch norm, and perturbed features are normalised together with clean ones, as published. separate = strong views and perturbed features are normalised by themselves and leave no trace (after Yuan et al., ICCV 2021): worth points in short runs.',
  ),
  precision: field(
    z.enum(['fp32', 'bf16']).default('fp32'),
    'fp32, bf16',
    "bf16 runs the networks' forward passes in bfloat16; parameters, optimiser, EMA and everything from the logits on stay float32.",
  ),
  checkpoint_every: field(
    integer(1).nullable().default(null),
    'null or an integer of at least 1 (iterations)',
    'Iterations between checkpoints in latest/; null = at evaluations and at the end alone. Does not change what is learnt.',
  ),
  keep_checkpoints: field(
    integer(1).default(2),
    'an integer of at least 1',
    'How many of the last checkpoints are kept: latest/, and in earlier/ the ones before it, to go back to where a disk has spoilt the last. Each holds two networks and the optimiser. Does not change what is learnt.',
  ),
  max_skipped: field(
    integer(0).default(10),
    'an integer of at least 0 (iterations)',
    'Iterations in a row whose loss or gradient may be not finite: each is left out, weights and teacher as they were, and logged with its images; one more ends the run.',
  ),
  eval_every: field(
    integer(1).nullable().default(null),
    'null or an integer of at least 1 (iterations)',
    'Iterations between evaluations on the validation list, after which best/ is chosen; null = once an epoch. The end is always evaluated.',
  ),
  log_every: field(integer(1).default(10), 'an integer of at least 1 (iterations)', 'Iterations between train events in events.jsonl.'),
});

const select = z.strictObject({
  rule: field(
    auto(z.enum(['class-aware', 'fixed', 'none'])),
    'auto, class-aware, fixed, none',
    "Which pseudo-labels count (SPEC 4): class-aware = DSSN's threshold per image and class; fixed = the best probability reaches conf_thresh; none = all; auto = the method's own: class-aware with dssn, fixed with fixmatch and unimatch, none with st and stpp.",
  ),
  high: field(fraction.default(0.92), 'a number from 0 to 1', 'Rule class-aware: only a class whose best pixel exceeds this selects any.'),
  ratio: field(
    fraction.default(0.96),
    'a number from 0 to 1',
    "Rule class-aware: a pixel is kept above ratio x the class's best probability.",
  ),
  conf_thresh: field(
    fraction.default(0.95),
    'a number from 0 to 1',
    'Rule fixed: the probability from which a pixel is kept (Cityscapes: 0).',
  ),
});

const loss = z.strictObject({
  labelled: field(
    z.enum(['ce', 'ohem']).default('ce'),
    'ce, ohem',
    'Loss on labelled pixels: cross entropy, or cross entropy over the hard examples alone (OHEM, Cityscapes).',
  ),
  ohem_threshold: field(fraction.default(0.7), 'a number from 0 to 1', 'OHEM: pixels whose true class is likelier than this are left out.'),
  ohem_min_kept_per_image: field(
    positive.default(100_000),
    'a number above 0 (pixels)',
    'OHEM: at least this many pixels are kept, times the images of the labelled batch, which method supervised and a burn-in double (SPEC 8: 100000).',
  ),
  weight_strong: field(
    auto(nonNegative),
    'auto or a number of at least 0',
    'Weight of each loss on a strong view (SPEC 5, 8); auto = as published: dssn and unimatch 0.25 for each of two, fixmatch 1 for its one.',
  ),
  weight_feature: field(
    auto(nonNegative),
    'auto or a number of at least 0',
    'Weight of each loss on perturbed features (SPEC 5, 8); auto = as published: dssn 0.25 for each of two, unimatch 0.5 for its one.',
  ),
  weight_contrastive: field(
    nonNegative.default(0.01),
    'a number of at least 0',
    'Weight of each of the two pixel-wise contrastive losses, in image and in feature space (SPEC 5).',
  ),
});

const evaluation = z.strictObject({
  mode: field(
    z.enum(['auto', ...evalModes]).default('auto'),
    `auto, ${evalModes.join(', ')}`,
    "What of a validation image the network sees (SPEC 7); auto = the dataset's own: sliding_window on Cityscapes, original on the others. A run's config.json holds what auto came to. Does not change what is learnt.",
  ),
  tta: field(
    z.boolean().default(false),
    'true, false',
    'Test-time augmentation: five scales, each plain and mirrored (SPEC 7). Ten times the work, about a point better.',
  ),
});

const log = z.strictObject({
  tensorboard: field(
    z.boolean().default(true),
    'true, false',
    "Whether the run's numbers and pictures are also written for TensorBoard, into RUN/tensorboard. Does not change what is learnt.",
  ),
  pictures: field(
    integer(0).default(4),
    'an integer of at least 0 (images)',
    "At each evaluation TensorBoard gets the networks' predictions on so many images, the first of the validation list, and a pseudo-label of the step before; 0 = no pictures. Does not change what is learnt.",
  ),
});

/** The keys as they are written. `parseConfig` gives a section that is left out or left empty as `{}`, so that each key missing is told. */
export const writtenSchema = z.strictObject({
  method: field(
    z.enum(methods),
    methods.join(', '),
    'How unlabelled images are learnt from (SPEC 5, 8, 8b): not at all (supervised), by pseudo-labels of a network trained before (st, stpp), of the network itself (fixmatch, unimatch), of its teacher (dssn).',
  ),
  seed: field(
    z.int().min(0).default(0),
    'an integer of at least 0',
    'Key of everything random: initial weights, order, crops, augmentations, dropped channels. Equal seeds give equal runs.',
  ),
  device: field(
    z
      .string()
      .regex(/^(auto|cpu|cuda:\d+)$/)
      .default('auto'),
    'auto, cpu, cuda:0, cuda:1, ...',
    'Where tensors live; auto = the first GPU if there is one, else the CPU.',
  ),
  threads: field(
    autoOrInteger(1).default('auto'),
    'auto or an integer of at least 1',
    "The engine's threads on the CPU; auto = one a physical core.",
  ),
  pretrained: field(
    text.nullable().default(null),
    'null, auto, or a .pth or .safetensors file of backbone weights',
    "Initial weights of the backbone (SPEC 2); null = drawn from the seed; auto = pretrained/BACKBONE.pth or .safetensors, below the working directory, then below data.root. A run's config.json holds which file it was; resuming does not read it again, but later rounds of st and stpp do.",
  ),
  model,
  data,
  train,
  select,
  loss,
  eval: evaluation,
  log,
});

/** The whole configuration, with what `auto` means for its method filled in. */
export const configSchema = writtenSchema.transform(withMethodDefaults);

/** All of T, and all within it, read-only. */
export type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** A configuration with every default filled in, frozen; the same names as in the YAML file and in a run's config.json. */
export type Config = Frozen<z.output<typeof configSchema>>;
export type Method = Config['method'];
export type Backbone = Config['model']['backbone'];
