/** Learning curves as an inline SVG that takes its colours from the page's style sheet. */
import { html, type Markup, NOTHING } from './report-html.ts';

export interface CurvePoint {
  readonly iteration: number;
  readonly miou: number;
}

export interface Curve {
  readonly name: string;
  /** Class of the style sheet that colours it: `m0`, `m1`, ... */
  readonly style: string;
  /** The student's curve is thin and dashed, the teacher's strong. */
  readonly strong: boolean;
  readonly points: readonly CurvePoint[];
}

const WIDTH = 640;
const HEIGHT = 320;
const LEFT = 56;
const RIGHT = 30;
const TOP = 16;
const BOTTOM = 56;

/** Steps of 1, 2 or 5 times a power of ten, at most `count` of them over the span. */
export function niceStep(span: number, count: number): number {
  const rough = Math.max(span, 1e-9) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const digit = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9))!;
  return digit * power;
}

function multiples(low: number, high: number, step: number): number[] {
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

const finite = (curve: Curve): CurvePoint[] =>
  curve.points.filter(({ iteration, miou }) => Number.isFinite(iteration) && Number.isFinite(miou));

/** Validation mIoU over iterations; NOTHING where no curve has a point. */
export function curvesSvg(curves: readonly Curve[]): Markup {
  const points = curves.flatMap(finite);
  if (points.length === 0) return NOTHING;
  const last = Math.max(1, ...points.map(({ iteration }) => iteration));
  const step = niceStep(Math.max(...points.map(({ miou }) => miou), 5), 5);
  const top = step * Math.ceil((Math.max(...points.map(({ miou }) => miou), 5) * 1.04) / step);
  const x = (iteration: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * iteration) / last;
  const y = (miou: number): number => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * miou) / top;
  const round = (value: number): string => value.toFixed(1);
  const rows = multiples(0, top, step).map(
    (value) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(value))}" y2="${round(y(value))}"/>
<text x="${LEFT - 8}" y="${round(y(value) + 5)}" text-anchor="end">${value}</text>`,
  );
  const columns = multiples(0, last, niceStep(last, 6)).map(
    (value) => html`<text x="${round(x(value))}" y="${HEIGHT - BOTTOM + 22}" text-anchor="middle">${value}</text>`,
  );
  const lines = curves.map((curve) => {
    const line = finite(curve);
    const path = line.map(({ iteration, miou }, i) => `${i === 0 ? 'M' : 'L'}${round(x(iteration))} ${round(y(miou))}`).join(' ');
    const dots = line.map(
      ({ iteration, miou }) =>
        html`<circle cx="${round(x(iteration))}" cy="${round(y(miou))}" r="${curve.strong ? 3.6 : 2.4}"><title>${curve.name}, iteration ${iteration}: ${miou.toFixed(2)}</title></circle>`,
    );
    return html`<g class="curve ${curve.style} ${curve.strong ? 'strong' : 'thin'}"><path d="${path}"/>${dots}</g>`;
  });
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Validation mIoU over iterations">
${rows}${columns}
<text class="axis" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">iteration</text>
${lines}</svg>`;
}
