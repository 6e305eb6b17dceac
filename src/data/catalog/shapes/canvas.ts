/**
 * A painter's canvas: linear-light colours and hard labels. A shape is painted over what lies behind it; its edge pixels are
 * blended by the covered part of their area, while a pixel takes the shape's label where at least half of it is covered.
 */

/** Red, green, blue in linear light; 1 is the white of a page in the sun. */
export type Colour = readonly [number, number, number];
/** x0, y0, x1, y1, ... in pixels, y down; closed by itself. */
export type Ring = readonly number[];
/** Writes the colour of the shape at a point (pixels) to `out`. */
export type Shade = (x: number, y: number, out: Float64Array) => void;

/** Scan lines a pixel row: the vertical precision of an edge; horizontally the covered length is exact. */
const LINES = 4;
/** Keeps the labels that are there: for shadows, reflections, and things too thin to have a label. */
export const NO_LABEL = -1;

export class Canvas {
  readonly colour: Float32Array;
  readonly labels: Uint8Array;
  private readonly coverage: Float32Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.colour = new Float32Array(width * height * 3);
    this.labels = new Uint8Array(width * height);
    this.coverage = new Float32Array(width + 1);
  }

  /** Calls `visit(pixel, x, y, coverage)` for each pixel of the ring's inside (even-odd), coverage in (0, 1]. */
  private scan(ring: Ring, visit: (pixel: number, x: number, y: number, coverage: number) => void): void {
    let low = Infinity;
    let high = -Infinity;
    for (let i = 1; i < ring.length; i += 2) {
      low = Math.min(low, ring[i]!);
      high = Math.max(high, ring[i]!);
    }
    const first = Math.max(0, Math.floor(low));
    const last = Math.min(this.height - 1, Math.ceil(high) - 1);
    for (let y = first; y <= last; y++) {
      let left = this.width;
      let right = -1;
      for (let line = 0; line < LINES; line++) {
        const crossings = crossingsOf(ring, y + (line + 0.5) / LINES);
        for (let i = 0; i + 1 < crossings.length; i += 2) {
          const from = Math.max(0, crossings[i]!);
          const to = Math.min(this.width, crossings[i + 1]!);
          if (to <= from) continue;
          this.addSpan(from, to);
          left = Math.min(left, Math.floor(from));
          right = Math.max(right, Math.min(this.width - 1, Math.floor(to)));
        }
      }
      for (let x = left; x <= right; x++) {
        const coverage = this.coverage[x]!;
        this.coverage[x] = 0;
        if (coverage > 0.004) visit(y * this.width + x, x, y, Math.min(1, coverage));
      }
    }
  }

  private addSpan(from: number, to: number): void {
    const first = Math.floor(from);
    const last = Math.min(this.width - 1, Math.floor(to));
    for (let x = first; x <= last; x++) this.coverage[x]! += (Math.min(to, x + 1) - Math.max(from, x)) / LINES;
  }

  /** Paints the ring's inside with `shade`, and with `label` unless it is NO_LABEL. */
  paint(ring: Ring, label: number, shade: Shade): void {
    const out = new Float64Array(3);
    const { colour, labels } = this;
    this.scan(ring, (pixel, x, y, coverage) => {
      shade(x + 0.5, y + 0.5, out);
      for (let c = 0; c < 3; c++) colour[3 * pixel + c]! += coverage * (out[c]! - colour[3 * pixel + c]!);
      if (label !== NO_LABEL && coverage >= 0.5) labels[pixel] = label;
    });
  }

  /** Multiplies what lies there by `factor` (a shadow), leaving labels as they are; only on pixels whose label `falls` accepts. */
  darken(ring: Ring, factor: Colour, falls: (label: number) => boolean): void {
    const { colour, labels } = this;
    this.scan(ring, (pixel, _x, _y, coverage) => {
      if (!falls(labels[pixel]!)) return;
      for (let c = 0; c < 3; c++) colour[3 * pixel + c]! *= 1 + coverage * (factor[c]! - 1);
    });
  }

  /** The label at a point, or NO_LABEL outside. */
  labelAt(x: number, y: number): number {
    const column = Math.floor(x);
    const row = Math.floor(y);
    if (column < 0 || row < 0 || column >= this.width || row >= this.height) return NO_LABEL;
    return this.labels[row * this.width + column]!;
  }
}

/** Sorted x at which the ring crosses the horizontal line y. */
function crossingsOf(ring: Ring, y: number): number[] {
  const crossings: number[] = [];
  const count = ring.length;
  let x0 = ring[count - 2]!;
  let y0 = ring[count - 1]!;
  for (let i = 0; i < count; i += 2) {
    const x1 = ring[i]!;
    const y1 = ring[i + 1]!;
    if (y0 <= y !== y1 <= y) crossings.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
    x0 = x1;
    y0 = y1;
  }
  return crossings.sort((a, b) => a - b);
}

/** A colour from sRGB bytes written as 0xRRGGBB, brought to linear light. */
export function hex(value: number): Colour {
  const linear = (byte: number): number => {
    const s = byte / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  };
  return [linear(value >> 16), linear((value >> 8) & 255), linear(value & 255)];
}

export function blend(a: Colour, b: Colour, part: number): Colour {
  return [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part];
}

export function scaled(a: Colour, factor: number): Colour {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

/** Componentwise product: a surface's colour under a light's. */
export function lit(surface: Colour, light: Colour): Colour {
  return [surface[0] * light[0], surface[1] * light[1], surface[2] * light[2]];
}
