/**
 * Renders one sample of a batch into its slot: the same code in a worker and, without workers, in the main thread. What it
 * writes is a pure function of the sample and of (seed, epoch, position, stream).
 */
import { random } from '../../base/random.ts';
import { drawCutMixBox } from '../augment/cutmix.ts';
import { applyCutout, drawCutout } from '../augment/cutout.ts';
import { applyGeometryImage, applyGeometryLabels, drawGeometry, type GeometryParameters, paddingMask } from '../augment/geometry.ts';
import { Scratch } from '../augment/scratch.ts';
import { applyStrong, drawColour, drawStrong } from '../augment/strong.ts';
import { IGNORE_LABEL, type LabelTable } from '../catalog/dataset.ts';
import type { Box, LabelMap, Rgb, Sample } from '../types.ts';
import { type Place, STREAMS } from './order.ts';
import { type CacheMemory, SharedCache } from './shared-cache.ts';
import { jobsOf, type LabelledMemory, Slot, type SlotShape, type UnlabelledMemory } from './slot.ts';
import { atLongSide, decodeSample, type Source } from './source.ts';

/** All that rendering needs; plain data and shared memory, so that it can be sent to a worker. */
export interface RenderSetup {
  readonly root: string;
  readonly labelled: readonly Sample[];
  readonly unlabelled: readonly Sample[];
  readonly labelMap: LabelTable;
  readonly longSide: number | null;
  /** Long side that the random scale multiplies; null: each image's own. */
  readonly scaleBase: number | null;
  readonly numAug: number;
  readonly seed: number;
  readonly shape: SlotShape;
  readonly slots: readonly SharedArrayBuffer[];
  readonly cache: CacheMemory;
}

export class Renderer {
  private readonly setup: RenderSetup;
  private readonly cache: SharedCache;
  private readonly slots: readonly Slot[];
  private readonly weak = new Scratch();

  constructor(setup: RenderSetup) {
    this.setup = setup;
    this.cache = new SharedCache(setup.cache);
    this.slots = setup.slots.map((buffer) => new Slot(buffer, setup.shape));
  }

  /** Renders job number `job` of the run's jobs, batch after batch. @throws DataError where the sample's files are not usable. */
  async render(job: number): Promise<void> {
    const jobsPerBatch = jobsOf(this.setup.shape);
    const memory = this.slots[Math.floor(job / jobsPerBatch) % this.slots.length]!;
    const place = memory.place(job % jobsPerBatch);
    const source = await this.load(place.sample);
    const index = job % this.setup.shape.batchSize;
    const stream = STREAMS[place.stream]!;
    if (stream === 'labelled') this.renderLabelled(source, place, memory.labelled!, index);
    else this.renderUnlabelled(source, place, memory[stream]!, index);
  }

  /** A sample at its long side, from the cache or from its files. The masks of unlabelled images are never read. */
  private async load(sample: number): Promise<Source> {
    const { root, labelled, unlabelled, labelMap, longSide } = this.setup;
    const hasLabels = sample < labelled.length;
    const cached = this.cache.get(sample, hasLabels);
    if (cached) return cached;
    const files = hasLabels ? labelled[sample]! : unlabelled[sample - labelled.length]!;
    const source = atLongSide(await decodeSample(root, files, hasLabels ? labelMap : undefined), longSide);
    this.cache.put(sample, source);
    return source;
  }

  private stream(place: Place, purpose: string) {
    return random(this.setup.seed, place.epoch, place.position, STREAMS[place.stream]!, purpose);
  }

  private geometry(place: Place, { width, height }: Rgb): GeometryParameters {
    return drawGeometry(this.stream(place, 'geometry'), width, height, this.setup.shape.cropSize, this.setup.scaleBase ?? undefined);
  }

  private renderLabelled({ image, labels }: Source, place: Place, memory: LabelledMemory, index: number): void {
    const pixels = this.setup.shape.cropSize ** 2;
    const geometry = this.geometry(place, image);
    const crop = memory.images.subarray(index * pixels * 3, (index + 1) * pixels * 3);
    const cropLabels = memory.labels.subarray(index * pixels, (index + 1) * pixels);
    applyGeometryLabels(labels as LabelMap, geometry, IGNORE_LABEL, cropLabels);
    if (this.setup.labelled[place.sample]!.pseudo) this.renderPseudo(image, geometry, place, crop, cropLabels);
    else applyGeometryImage(image, geometry, crop);
  }

  /** A crop whose labels a network gave: colours are changed, and a box is cut out of image and labels. */
  private renderPseudo(image: Rgb, geometry: GeometryParameters, place: Place, crop: Uint8Array, labels: Uint8Array): void {
    const { cropSize } = this.setup.shape;
    const weak = applyGeometryImage(image, geometry, this.weak.take(crop.length).subarray(0, crop.length));
    applyStrong(weak, { operations: drawColour(this.stream(place, 'colour')) }, crop);
    applyCutout(crop, labels, cropSize, drawCutout(this.stream(place, 'cutout'), cropSize), this.stream(place, 'cutout noise'));
  }

  private renderUnlabelled({ image }: Source, place: Place, memory: UnlabelledMemory, index: number): void {
    const { cropSize } = this.setup.shape;
    const pixels = cropSize ** 2;
    const part = (views: Uint8Array): Uint8Array => views.subarray(index * pixels * 3, (index + 1) * pixels * 3);
    const geometry = this.geometry(place, image);
    const weak = applyGeometryImage(image, geometry, part(memory.weak));
    paddingMask(geometry, memory.ignore.subarray(index * pixels, (index + 1) * pixels));
    for (const view of [1, 2] as const) {
      const strong = drawStrong(this.stream(place, `strong ${view}`), { numAug: this.setup.numAug });
      applyStrong(weak, strong, part(view === 1 ? memory.strong1 : memory.strong2));
      const box = drawCutMixBox(this.stream(place, `box ${view}`), cropSize);
      writeBox(view === 1 ? memory.boxes1 : memory.boxes2, index, box);
    }
  }
}

function writeBox(boxes: Int32Array, index: number, { top, left, height, width }: Box): void {
  boxes.set([top, left, height, width], index * 4);
}
