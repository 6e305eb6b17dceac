/**
 * Processor milliseconds of each image operation on one core, on the built package (`npm run build` first):
 *   node bench/augment.mjs [--crop 513] [--dist FOLDER]
 * The image is the golden one, enlarged, with a little noise so that neither tables nor branches see it as too smooth.
 * Prints one JSON line: {"crop", "ms": {operation: mean}}.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { decode } from 'fast-png';

const { values } = parseArgs({ options: { crop: { type: 'string', default: '513' }, dist: { type: 'string', default: '../dist' } } });
const load = (name) => import(new URL(`${values.dist}/data/augment/${name}.js`, import.meta.url));
const { applyStrong, drawStrong } = await load('strong');
const { applyGeometryImage, applyGeometryLabels, drawGeometry } = await load('geometry');
const { resizeBilinear, resizeNearest } = await load('resize');
const { random } = await import(new URL(`${values.dist}/base/random.js`, import.meta.url));

const WARM = 10;
const REPEATS = 40;

/** Mean processor milliseconds of `run`, once it is compiled; processor time, so that other programs matter little. */
function spent(run, repeats = REPEATS) {
  for (let i = 0; i < WARM; i++) run(i);
  const before = process.cpuUsage();
  for (let i = 0; i < repeats; i++) run(i);
  const { user, system } = process.cpuUsage(before);
  return Number(((user + system) / 1000 / repeats).toFixed(3));
}

/** The golden image at width x height with noise of +-4 grey levels. */
function noisy(width, height) {
  const golden = decode(readFileSync(new URL('../test/golden/augment/image.png', import.meta.url)));
  const image = resizeBilinear({ width: golden.width, height: golden.height, data: golden.data }, { width, height });
  const draw = random('bench');
  for (let i = 0; i < image.data.length; i++) image.data[i] = Math.min(255, Math.max(0, image.data[i] + draw.integer(-4, 4)));
  return image;
}

const crop = Number(values.crop);
const source = noisy(960, 720);
const view = noisy(crop, crop);
const labels = { width: 960, height: 720, data: new Uint8Array(960 * 720).map((_, i) => (i >> 6) % 21) };
const out = new Uint8Array(crop * crop * 3);
const operations = {
  identity: [],
  brightness: [{ name: 'brightness', factor: 1.3 }],
  contrast: [{ name: 'contrast', factor: 0.7 }],
  saturation: [{ name: 'saturation', factor: 1.2 }],
  hue: [{ name: 'hue', shift: 0.13 }],
  grayscale: [{ name: 'grayscale' }],
  'blur 0.8': [{ name: 'blur', sigma: 0.8 }],
  'blur 1.8': [{ name: 'blur', sigma: 1.8 }],
  autocontrast: [{ name: 'autocontrast' }],
  equalize: [{ name: 'equalize' }],
  sharpness: [{ name: 'sharpness', factor: 0.4 }],
  posterize: [{ name: 'posterize', bits: 5 }],
  solarize: [{ name: 'solarize', threshold: 180 }],
  jitter: [
    { name: 'hue', shift: 0.13 },
    { name: 'brightness', factor: 1.3 },
    { name: 'saturation', factor: 1.2 },
    { name: 'contrast', factor: 0.7 },
  ],
};
const ms = {};
for (const [name, list] of Object.entries(operations)) ms[name] = spent(() => applyStrong(view, { operations: list }, out));
for (const scale of [0.5, 0.8, 1.25, 2]) {
  const size = { width: Math.round(960 * scale), height: Math.round(720 * scale) };
  const region = { left: 0, top: 0, width: Math.min(crop, size.width), height: Math.min(crop, size.height) };
  ms[`bilinear x${scale}`] = spent(() => resizeBilinear(source, size));
  ms[`bilinear x${scale} crop`] = spent(() => resizeBilinear(source, size, region));
  ms[`nearest x${scale}`] = spent(() => resizeNearest(labels, size));
  ms[`nearest x${scale} crop`] = spent(() => resizeNearest(labels, size, region));
}
const weak = new Uint8Array(crop * crop * 3);
const mask = new Uint8Array(crop * crop);
const sample = (i) => {
  const draw = random('sample', i);
  const geometry = drawGeometry(draw, source.width, source.height, crop);
  const image = applyGeometryImage(source, geometry, weak);
  applyGeometryLabels(labels, geometry, 254, mask);
  for (let k = 0; k < 2; k++) applyStrong(image, drawStrong(draw, { numAug: 3 }), out);
};
ms['whole sample'] = spent(sample, 100);
console.log(JSON.stringify({ crop, ms }));
