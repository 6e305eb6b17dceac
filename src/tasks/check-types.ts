/** What `dssn check` takes and gives. */
import type { Config } from '../config/schema.ts';
import type { TaskOptions } from './types.ts';

export interface CheckOptions extends TaskOptions {
  readonly config: Config;
  /** A folder for `labels.png` and `check.json`, or, ending in .png, the picture alone. */
  readonly out: string;
  /** Take a few real training steps in a process of their own, to tell memory and time. */
  readonly estimate: boolean;
}

/** The three lists, as in a run's manifest. */
export type ListName = 'labelled' | 'unlabelled' | 'val';

/** Training would fail. */
export type CheckErrorKind =
  /** The configuration asks for what is not there: a device, pretrained weights. */
  | 'settings'
  /** A list is missing or malformed, or an image stands in two. */
  | 'list'
  /** The lists are too short for one batch. */
  | 'too_few_images'
  | 'missing'
  | 'unreadable'
  /** Image and label map differ in size, however the image is turned. */
  | 'size_mismatch'
  /** A stored label that is neither a class, nor mapped, nor 255; a colour that is none of the classes'. */
  | 'label_out_of_range'
  | 'out_of_memory'
  /** The steps that were tried failed for another reason. */
  | 'step_failed';

/** Training would run, perhaps in vain. */
export type CheckWarningKind =
  /** No pixel of the labelled list has the class: it cannot be learnt. */
  | 'class_never_labelled'
  /** No pixel of the validation list has the class: its IoU says nothing. */
  | 'class_never_in_val'
  /** A label map whose every pixel is ignored. */
  | 'nothing_labelled'
  /** The same pixels in training (either list) and validation: the score is too good. */
  | 'duplicate_train_val'
  /** The same pixels in the labelled and the unlabelled list. */
  | 'duplicate_labelled_unlabelled'
  /** The image notes a turn (EXIF), and its label map would fit both ways. */
  | 'turn_unclear'
  /** The label map fits the stored pixels alone: the image is learnt from as stored, others are turned. */
  | 'turn_left_out'
  /** All values lie within a few levels: an image of one colour, or 16 bits of which only the lower are used. */
  | 'no_contrast'
  /** Crops of these images are padded. */
  | 'smaller_than_crop';

/** Names as in the JSON. */
export interface CheckProblem {
  readonly level: 'error' | 'warning';
  readonly kind: CheckErrorKind | CheckWarningKind;
  readonly text: string;
  readonly list?: ListName;
  /** The file as its list names it. */
  readonly file?: string;
  /** Of a duplicate: the other image and its list. */
  readonly other?: string;
  readonly other_list?: ListName;
  readonly class?: string;
  /** Of `label_out_of_range`: the stored label, or the colour where colours are labels, how many pixels have it, and where the first of them is. */
  readonly label?: number;
  readonly colour?: readonly [red: number, green: number, blue: number];
  readonly pixels?: number;
  readonly row?: number;
  readonly column?: number;
}

/** Pixels of a class in a list, their share of the pixels that are not ignored (0 to 1), and images that show it. */
export interface ClassCount {
  readonly pixels: number;
  readonly share: number;
  readonly images: number;
}

export interface ClassHistogram {
  readonly name: string;
  readonly labelled: ClassCount;
  readonly val: ClassCount;
}

/** Measured by steps of the configuration's own sizes on its own images. Seconds, MB of 10^6 bytes. */
export interface CheckEstimate {
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
  /** Median of `steps` training steps, images loaded and augmented as in training; and steps before them that do not count. */
  readonly step_s: number;
  readonly steps: number;
  readonly warmup_steps: number;
  /** The same of a step of the burn-in (`train.burn_in`), where there is one. */
  readonly burn_in_step_s?: number;
  readonly iterations_per_epoch: number;
  readonly epoch_s: number;
  /** One pass over the validation list, by student and teacher, from a few images of middling size. */
  readonly evaluation_s: number;
  readonly evaluations: number;
  /** Training steps of the whole run; time of these and of the evaluations. */
  readonly iterations: number;
  readonly total_s: number;
  /** Most memory of the process, the largest validation image among its work; what decoded images may add to it. */
  readonly peak_rss_mb: number;
  readonly cache_mb: number;
  /** Free before the steps. */
  readonly available_mb: number;
  /** Mean number of processes that wanted to compute in the minute before the check: where it is not small, times are too long. */
  readonly load: number;
}

/** Names as in the JSON. */
export interface CheckResult {
  /** Whether training can begin: no errors. */
  readonly ok: boolean;
  readonly errors: number;
  readonly warnings: number;
  /** All of them, errors first, each kind together. */
  readonly problems: readonly CheckProblem[];
  /** Images of each list. */
  readonly lists: Readonly<Record<ListName, number>>;
  readonly classes: readonly ClassHistogram[];
  /** Pixels to be left out: label 255. */
  readonly ignored: { readonly labelled: ClassCount; readonly val: ClassCount };
  /** Sizes of the images that can be read, the most frequent first. */
  readonly sizes: readonly { readonly width: number; readonly height: number; readonly images: number }[];
  /** Null where it was not asked for or could not be made; `no_estimate` says why. */
  readonly estimate: CheckEstimate | null;
  readonly no_estimate?: string;
  /** The contact sheet; null where no labelled image can be shown. */
  readonly picture: string | null;
  /** The file that holds this result; null where --out names a picture. */
  readonly report: string | null;
}
