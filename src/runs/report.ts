/**
 * The report of a comparison: one HTML file that stands alone (no script, no other file, no address elsewhere), with the
 * IoU of every class for every method, learning curves, pictures, and pseudo-labels over time. Plain numbers and pixels in.
 */
import { renameSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { invariant } from '../base/assert.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import { indexPng, type Palette } from './pictures.ts';
import { type Curve, curvesSvg } from './report-chart.ts';
import { html, Markup, NOTHING } from './report-html.ts';
import { REPORT_STYLE } from './report-style.ts';

/** One evaluation during training; IoU and mIoU are percentages everywhere in this file. */
export interface ReportEvaluation {
  readonly iteration: number;
  readonly student: number;
  readonly teacher?: number;
}

export interface MethodReport {
  /** As it is shown: 'supervised', 'DSSN'. */
  readonly name: string;
  /** Which weights the numbers are of: 'teacher, last iteration'. */
  readonly weights: string;
  readonly miou: number;
  /** One a class. */
  readonly iou: readonly number[];
  readonly curve: readonly ReportEvaluation[];
  readonly iterations: number;
  readonly seconds: number;
}

export interface ReportPicture {
  readonly image: Rgb;
  readonly truth: LabelMap;
  /** One a method, in the methods' order. */
  readonly predictions: readonly LabelMap[];
  readonly caption?: string;
}

/** A pseudo-label on the way: what the teacher said of an unlabelled picture, and which pixels were learnt from. */
export interface ReportPseudoLabel {
  readonly iteration: number;
  readonly image: Rgb;
  readonly labels: LabelMap;
  /** 1 where the pixel was kept, else 0. */
  readonly kept: LabelMap;
}

export interface ReportData {
  readonly title: string;
  /** A few sentences below the title. */
  readonly lead: string;
  /** When the run ended, in words or ISO 8601. */
  readonly created: string;
  readonly classes: readonly string[];
  readonly palette: Palette;
  /** Share of labelled pixels of each class, in percent: shown beside the IoU, since rare classes are what matters. */
  readonly shares?: readonly number[];
  /** The first is the baseline that the last is compared with. */
  readonly methods: readonly MethodReport[];
  readonly pictures: readonly ReportPicture[];
  readonly pseudoLabels: readonly ReportPseudoLabel[];
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly commands: readonly { readonly text: string; readonly command: string }[];
  readonly notes?: readonly string[];
}

const PHOTO_QUALITY = 88;
/** Differences smaller than this, in points of IoU, count as a tie. */
const TIE = 0.05;
/** Kept pixels are white, the others dark. */
const MASK_PALETTE: Palette = [
  [38, 42, 50],
  [244, 244, 240],
];

const dataUri = (type: string, bytes: Uint8Array): string => `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;

async function photo(image: Rgb, alt: string): Promise<Markup> {
  const raw = { width: image.width, height: image.height, channels: 3 as const };
  const bytes = await sharp(Buffer.from(image.data), { raw }).jpeg({ quality: PHOTO_QUALITY, chromaSubsampling: '4:4:4' }).toBuffer();
  return html`<img src="${dataUri('image/jpeg', bytes)}" width="${image.width}" height="${image.height}" alt="${alt}">`;
}

function map(labels: LabelMap, palette: Palette, alt: string): Markup {
  const uri = dataUri('image/png', indexPng(labels, palette));
  return html`<img class="map" src="${uri}" width="${labels.width}" height="${labels.height}" alt="${alt}">`;
}

/** 12.3, or a dash where there is no number. */
const points = (value: number | undefined): string => (value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(1));

function difference(value: number): Markup {
  if (!Number.isFinite(value)) return html`<span class="soft">–</span>`;
  const rounded = value.toFixed(1).replace('-', '−');
  if (Math.abs(value) < TIE) return html`<span class="soft">±0.0</span>`;
  return value > 0 ? html`<span class="gain">+${rounded}</span>` : html`<span class="loss">${rounded}</span>`;
}

const duration = (seconds: number): string =>
  seconds < 90 ? `${seconds.toFixed(0)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

const colourCss = ([red, green, blue]: Palette[number]): string => `rgb(${red} ${green} ${blue})`;

function swatch(data: ReportData, label: number): Markup {
  return html`<span class="swatch" style="background:${colourCss(data.palette[label] ?? [0, 0, 0])}"></span>`;
}

function legend(data: ReportData): Markup {
  return html`<div class="legend">${data.classes.map((name, label) => html`<span>${swatch(data, label)}${name}</span>`)}</div>`;
}

/** In how many classes the last method is ahead of the first, behind it, or level. */
export function tally(first: readonly number[], last: readonly number[]): { ahead: number; behind: number; level: number } {
  const result = { ahead: 0, behind: 0, level: 0 };
  for (const [label, value] of last.entries()) {
    const gain = value - first[label]!;
    if (Math.abs(gain) < TIE) result.level++;
    else if (gain > 0) result.ahead++;
    else result.behind++;
  }
  return result;
}

function cards(data: ReportData): Markup {
  const [first, last] = [data.methods[0]!, data.methods.at(-1)!];
  const each = data.methods.map(
    (method, i) => html`<div class="card m${i}"><b>${points(method.miou)}</b>mIoU of ${method.name}
<div class="soft small">${method.weights}; ${method.iterations} iterations in ${duration(method.seconds)}</div></div>`,
  );
  if (data.methods.length < 2) return html`<div class="cards">${each}</div>`;
  const { ahead, behind } = tally(first.iou, last.iou);
  return html`<div class="cards">${each}<div class="card"><b>${difference(last.miou - first.miou)}</b>points for ${last.name}
<div class="soft small">ahead in ${ahead} of ${data.classes.length} classes, behind in ${behind}</div></div></div>`;
}

function tableRow(data: ReportData, label: number): Markup {
  const values = data.methods.map(({ iou }) => iou[label]!);
  const best = Math.max(...values);
  const cells = values.map((value) => html`<td class="${value > best - TIE ? 'best' : 'other'}">${points(value)}</td>`);
  const bars = values.map(
    (value, i) => html`<div><i class="m${i}" style="width:${Math.min(100, Math.max(0, value || 0)).toFixed(1)}%"></i></div>`,
  );
  const share = data.shares ? html`<td class="share soft">${points(data.shares[label])} %</td>` : NOTHING;
  const gain = values.length > 1 ? html`<td>${difference(values.at(-1)! - values[0]!)}</td>` : NOTHING;
  return html`<tr><td>${swatch(data, label)}${data.classes[label]!}</td>${share}${cells}${gain}<td class="bars">${bars}</td></tr>
`;
}

function table(data: ReportData): Markup {
  const { methods, shares } = data;
  const many = methods.length > 1;
  const gain = many ? html`<td>${difference(methods.at(-1)!.miou - methods[0]!.miou)}</td>` : NOTHING;
  return html`<section id="table"><h2>IoU of every class</h2>
<p class="soft small">Intersection over union in percent, over the evaluation pictures, which no method has seen. Bold: the best of a row.</p>
<div class="scroll"><table><thead><tr><th>class</th>${shares ? html`<th class="share">pixels</th>` : NOTHING}${methods.map(({ name }) => html`<th>${name}</th>`)}${many ? html`<th>difference</th>` : NOTHING}<th class="bars"></th></tr></thead>
<tbody>${data.classes.map((_, label) => tableRow(data, label))}</tbody>
<tfoot><tr><td>mean</td>${shares ? html`<td class="share"></td>` : NOTHING}${methods.map(({ miou }) => html`<td>${points(miou)}</td>`)}${gain}<td class="bars"></td></tr></tfoot></table></div></section>`;
}

function curves(data: ReportData): Markup {
  const lines: Curve[] = data.methods.flatMap(({ name, curve }, i) => {
    const teacher = curve.flatMap(({ iteration, teacher: miou }) => (miou === undefined ? [] : [{ iteration, miou }]));
    const student = curve.map(({ iteration, student: miou }) => ({ iteration, miou }));
    const drawn: Curve[] = [{ name: `${name}, student`, style: `m${i}`, strong: teacher.length === 0, points: student }];
    if (teacher.length > 0) drawn.push({ name: `${name}, teacher`, style: `m${i}`, strong: true, points: teacher });
    return drawn;
  });
  const chart = curvesSvg(lines);
  if (chart === NOTHING) return NOTHING;
  const keys = lines.map(
    ({ name, style, strong }) => html`<span class="${style}"><i class="key ${strong ? 'strong' : 'thin'}"></i>${name}</span>`,
  );
  return html`<section id="curves"><h2>Learning curves</h2><p class="soft small">mIoU on the evaluation pictures during training.</p>
<div class="legend">${keys}</div>${chart}</section>`;
}

function grid(columns: number, cells: readonly Markup[]): Markup {
  return html`<div class="sheet" style="grid-template-columns:repeat(${columns},1fr)">${cells}</div>`;
}

const heads = (names: readonly string[]): Markup[] => names.map((name) => html`<div class="head">${name}</div>`);

async function pictures(data: ReportData): Promise<Markup> {
  if (data.pictures.length === 0) return NOTHING;
  const names = ['image', 'truth', ...data.methods.map(({ name }) => name)];
  const cells: Markup[] = heads(names);
  for (const [number, picture] of data.pictures.entries()) {
    invariant(
      picture.predictions.length === data.methods.length,
      `${picture.predictions.length} predictions for ${data.methods.length} methods`,
    );
    if (picture.caption) cells.push(html`<div class="wide head">${picture.caption}</div>`);
    cells.push(await photo(picture.image, `picture ${number + 1}`));
    for (const [i, labels] of [picture.truth, ...picture.predictions].entries())
      cells.push(map(labels, data.palette, `picture ${number + 1}: ${names[i + 1]!}`));
  }
  return html`<section id="pictures"><h2>Pictures</h2><p class="soft small">Evaluation pictures, their true labels, and what each method made of them.</p>
${legend(data)}${grid(names.length, cells)}</section>`;
}

async function pseudoLabels(data: ReportData): Promise<Markup> {
  if (data.pseudoLabels.length === 0) return NOTHING;
  const cells = heads(['unlabelled picture', 'pseudo-label', 'kept pixels']);
  for (const { iteration, image, labels, kept } of data.pseudoLabels) {
    let count = 0;
    for (const value of kept.data) if (value === 1) count++;
    const share = ((100 * count) / Math.max(1, kept.data.length)).toFixed(0);
    cells.push(
      html`<div class="wide head">iteration ${iteration}: ${share} % kept</div>`,
      await photo(image, `unlabelled picture at iteration ${iteration}`),
    );
    cells.push(
      map(labels, data.palette, `pseudo-label at iteration ${iteration}`),
      map(kept, MASK_PALETTE, `kept pixels at iteration ${iteration}`),
    );
  }
  return html`<section id="pseudo-labels"><h2>What the pseudo-labels looked like</h2>
<p class="soft small">The teacher labels pictures that nobody labelled; once it has begun, the student learns from the pixels that the selection keeps (white).</p>
${legend(data)}${grid(3, cells)}</section>`;
}

function closing(data: ReportData): Markup {
  const notes = (data.notes ?? []).map((note) => html`<p class="small">${note}</p>`);
  const commands = data.commands.map(({ text, command }) => html`<p class="small">${text}</p><pre>${command}</pre>`);
  const settings = data.settings.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return html`${notes.length > 0 ? html`<section id="notes"><h2>Notes</h2>${notes}</section>` : NOTHING}
${commands.length > 0 ? html`<section id="commands"><h2>Go on from here</h2>${commands}</section>` : NOTHING}
${settings.length > 0 ? html`<section id="settings"><h2>Settings</h2><dl>${settings}</dl></section>` : NOTHING}`;
}

/** The report as one HTML text. */
export async function reportHtml(data: ReportData): Promise<string> {
  invariant(data.methods.length > 0 && data.methods.length <= 4, 'a report compares one to four methods');
  for (const { name, iou } of data.methods)
    invariant(iou.length === data.classes.length, `${name}: ${iou.length} IoUs for ${data.classes.length} classes`);
  const style = new Markup(REPORT_STYLE);
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${data.title}</title>
<link rel="icon" href="data:,"><style>${style}</style></head>
<body><main><header><h1>${data.title}</h1><p class="soft">${data.lead}</p></header>
${cards(data)}${table(data)}${curves(data)}${await pictures(data)}${await pseudoLabels(data)}${closing(data)}
<footer class="soft small">Made ${data.created}</footer></main></body></html>
`;
  return page.text;
}

/** Writes the report, whole or not at all. */
export async function writeReport(file: string, data: ReportData): Promise<void> {
  const text = await reportHtml(data);
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, text);
  renameSync(partial, file);
}
