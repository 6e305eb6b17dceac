import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { LabelMap, Rgb } from '../data/types.ts';
import { type ReportData, reportHtml, tally, writeReport } from './report.ts';
import { curvesSvg, niceStep } from './report-chart.ts';
import { escapeHtml, html, NOTHING } from './report-html.ts';

const image: Rgb = { width: 8, height: 6, data: new Uint8Array(144).fill(120) };
const labels = (label: number): LabelMap => ({ width: 8, height: 6, data: new Uint8Array(48).fill(label) });

const data: ReportData = {
  title: 'Rare <classes> & "others"',
  lead: "It's a test",
  created: '2024-05-06 07:08',
  classes: ['sky', 'a<b>', 'boat'],
  palette: [
    [1, 2, 3],
    [40, 50, 60],
    [250, 200, 40],
  ],
  shares: [90, 9, 1],
  methods: [
    {
      name: 'supervised',
      weights: 'student',
      miou: 51.234,
      iou: [90, 60, 3.7],
      curve: [
        { iteration: 100, student: 40 },
        { iteration: 200, student: 51.2 },
      ],
      iterations: 200,
      seconds: 61,
    },
    {
      name: 'DSSN',
      weights: 'teacher',
      miou: 56.6,
      iou: [89, 60.01, 20.79],
      curve: [
        { iteration: 100, student: 38, teacher: 35.5 },
        { iteration: 200, student: 55, teacher: 56.6 },
      ],
      iterations: 200,
      seconds: 182,
    },
  ],
  pictures: [{ image, truth: labels(0), predictions: [labels(1), labels(2)], caption: 'hardest' }],
  pseudoLabels: [
    { iteration: 150, image, labels: labels(2), kept: { ...labels(0), data: Uint8Array.from({ length: 48 }, (_, i) => (i < 12 ? 1 : 0)) } },
  ],
  settings: [
    ['lr', '0.02'],
    ['--set', '<x>'],
  ],
  commands: [{ text: 'Go on:', command: 'dssn train --config "a&b.yaml"' }],
  notes: ['An honest note.'],
};

/** The page without its inlined pictures. */
const withoutPictures = (page: string): string => page.replace(/data:image\/[a-z]+;base64,[A-Za-z0-9+/=]+/g, 'PICTURE');

describe('report', () => {
  it('stands alone: no script, no link, no address elsewhere', async () => {
    const page = withoutPictures(await reportHtml(data));
    expect(page).not.toMatch(/https?:|\/\/|<script|@import|url\(|<iframe|srcset/i);
    for (const [, target] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(['PICTURE', 'data:,']).toContain(target);
    expect(page.match(/<img/g)).toHaveLength(4 + 3);
  });

  it('escapes every text', async () => {
    const page = withoutPictures(await reportHtml(data));
    expect(page).toContain('<h1>Rare &lt;classes&gt; &amp; &quot;others&quot;</h1>');
    expect(page).toContain('It&#39;s a test');
    expect(page).toContain('dssn train --config &quot;a&amp;b.yaml&quot;');
    expect(page).toContain('<dd>&lt;x&gt;</dd>');
    expect(page).not.toContain('a<b>');
    expect(html`${'<'}${[html`<b>`, html`${'&'}`]}${3}`.text).toBe('&lt;<b>&amp;3');
    expect(escapeHtml(`<>&"'`)).toBe('&lt;&gt;&amp;&quot;&#39;');
  });

  it('closes every element that it opens', async () => {
    const page = withoutPictures(await reportHtml(data)).replace(/<style>[\s\S]*<\/style>/, '');
    const open: string[] = [];
    for (const [, slash, name, rest] of page.matchAll(/<(\/?)([a-z0-9]+)([^>]*)>/g)) {
      if (['meta', 'link', 'img'].includes(name!) || rest!.endsWith('/')) continue;
      if (slash) expect(open.pop()).toBe(name);
      else open.push(name!);
    }
    expect(open).toEqual([]);
  });

  it('holds every number: IoU of each class for each method, differences, winners, shares, times, settings', async () => {
    const page = withoutPictures(await reportHtml(data));
    const row = (name: string): string => page.split('<tr>').find((part) => part.includes(`</span>${name}</td>`))!;
    expect(row('boat')).toMatch(/1\.0 %<\/td><td class="other">3\.7<\/td><td class="best">20\.8<\/td><td><span class="gain">\+17\.1</);
    expect(row('sky')).toMatch(/<td class="best">90\.0<\/td><td class="other">89\.0<\/td><td><span class="loss">−1\.0</);
    expect(row('a&lt;b&gt;')).toMatch(/<td class="best">60\.0<\/td><td class="best">60\.0<\/td><td><span class="soft">±0\.0</);
    expect(page).toContain('<b>51.2</b>mIoU of supervised');
    expect(page).toContain('<b><span class="gain">+5.4</span></b>points for DSSN');
    expect(page).toContain('ahead in 1 of 3 classes, behind in 1');
    expect(page).toContain('student; 200 iterations in 61 s');
    expect(page).toContain('teacher; 200 iterations in 3 min 2 s');
    expect(page).toContain('iteration 150: 25 % kept');
    expect(page).toContain('An honest note.');
    expect(page).toContain('2024-05-06 07:08');
  });

  it('inlines label maps as palette PNGs of the class numbers', async () => {
    const page = await reportHtml(data);
    const maps = [...page.matchAll(/data:image\/png;base64,([A-Za-z0-9+/=]+)/g)].map(([, text]) => decode(Buffer.from(text!, 'base64')));
    expect(maps.map((map) => map.data[0])).toEqual([0, 1, 2, 2, 1]);
    expect(maps[0]!.palette![2]).toEqual([250, 200, 40]);
  });

  it('draws the student and the teacher of each method', async () => {
    const page = await reportHtml(data);
    for (const text of [
      'supervised, student, iteration 200: 51.20',
      'DSSN, student, iteration 100: 38.00',
      'DSSN, teacher, iteration 200: 56.60',
    ])
      expect(page).toContain(`<title>${text}</title>`);
  });

  it('does without pictures, curves, shares and a second method, and survives numbers that are none', async () => {
    const { shares: _shares, notes: _notes, ...rest } = data;
    const one = { ...data.methods[0]!, curve: [], iou: [Number.NaN, 1, 2] };
    const page = await reportHtml({ ...rest, methods: [one], pictures: [], pseudoLabels: [], settings: [], commands: [] });
    for (const id of ['curves', 'pictures', 'pseudo-labels', 'settings', 'commands', 'notes'])
      expect(page).not.toContain(`<section id="${id}"`);
    expect(page).not.toMatch(/NaN|undefined/);
  });

  it('refuses numbers that do not fit the classes', async () => {
    await expect(reportHtml({ ...data, methods: [{ ...data.methods[0]!, iou: [1] }] })).rejects.toThrow('supervised: 1 IoUs for 3 classes');
  });

  it('is written whole, with nothing left beside it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dssn-report-'));
    await writeReport(join(folder, 'report.html'), data);
    expect(readdirSync(folder)).toEqual(['report.html']);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    rmSync(folder, { recursive: true });
  });
});

describe('the chart', () => {
  it('puts points where they belong: 0 at the bottom, the last iteration at the right', () => {
    const svg = curvesSvg([
      {
        name: 'x',
        style: 'm0',
        strong: true,
        points: [
          { iteration: 0, miou: 0 },
          { iteration: 400, miou: 50 },
        ],
      },
    ]).text;
    expect(svg).toContain('d="M56.0 264.0 L610.0 57.3"');
    expect(svg.match(/<line/g)).toHaveLength(7);
  });

  it('leaves out points that are no numbers, and itself without points', () => {
    expect(curvesSvg([])).toBe(NOTHING);
    expect(curvesSvg([{ name: 'x', style: 'm0', strong: true, points: [{ iteration: 1, miou: Number.NaN }] }])).toBe(NOTHING);
  });

  it('steps by 1, 2 or 5', () => {
    expect([niceStep(100, 5), niceStep(60, 5), niceStep(43, 5), niceStep(600, 6), niceStep(7, 6)]).toEqual([20, 20, 10, 100, 2]);
  });

  it('counts wins and ties', () => {
    expect(tally([1, 2, 3], [2, 2.01, 1])).toEqual({ ahead: 1, behind: 1, level: 1 });
  });
});
