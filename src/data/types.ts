/** One image of a list, with its label file where it has one. */
export interface Sample {
  /** The image's path without its extension: unique in a list. */
  readonly id: string;
  /** The image's path, relative to the data root. */
  readonly image: string;
  /** The label file's path, relative to the data root, or absolute. */
  readonly mask?: string;
  /** The mask holds train labels that a network gave (255 = ignore): its crops are augmented strongly (ST, SPEC section 8b). */
  readonly pseudo?: true;
  /** 256 entries: stored label -> train label of this mask, where it is not stored as the dataset's other masks are. */
  readonly labelTable?: Uint8Array;
  /** The image is read as it is stored, whatever turn it notes (EXIF orientation). */
  readonly asStored?: true;
}

/** An 8-bit RGB image: `data` holds height x width x 3 bytes, interleaved R, G, B. */
export interface Rgb {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A map of class labels: `data` holds height x width bytes; 255 = ignore. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A CutMix box, in pixels of the crop; a height of 0 means no box. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}
