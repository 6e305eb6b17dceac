import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointError, ConfigError, DataError } from '../base/errors.ts';
import { parseConfig } from '../config/load.ts';
import { readEvents, type TrainEvent } from './events.ts';
import { RunFolder, RunWriter } from './folder.ts';
import { inspectRun } from './inspect.ts';
import { listRecord, type ManifestInput } from './manifest.ts';

const text = `{method: dssn, model: {backbone: resnet18}, data: {dataset: camvid, root: /d, split: 1_8, crop_size: 65},
train: {batch_size: 2, iterations: 10, lr: 0.01}}`;
const config = parseConfig(text, 'a.yaml');
const manifest: ManifestInput = { command: ['train', '--out', 'x'], versions: { dssn: '0.1.0' }, device: 'cpu', threads: 2, lists: [] };

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(path.join(os.tmpdir(), 'dssn-run-'));
  folder = path.join(parent, 'a', 'run');
});
afterEach(() => rmSync(parent, { recursive: true }));

const step = (iteration: number): TrainEvent => ({
  type: 'train',
  iteration,
  epoch: 0,
  losses: { loss: 1 / iteration },
  lr: 0.01,
  kept: 0.5,
  iterations_per_s: 2,
  images_per_s: 8,
});

/** Writes a checkpoint as the trainer does. */
function checkpoint(run: RunWriter, iteration: number): void {
  run.writeWeights('latest', { iteration }, (target) => {
    for (const name of ['student', 'teacher', 'optimiser']) writeFileSync(path.join(target, `${name}.safetensors`), `${name} ${iteration}`);
  });
}

describe('a run folder', () => {
  it('holds config, manifest, events and weights, as a reader finds them', () => {
    const list = path.join(parent, 'labeled.txt');
    writeFileSync(list, 'abc');
    const run = RunWriter.create(folder, { config, manifest: { ...manifest, lists: [listRecord('labelled', list, 46)] } });
    expect(run.checkpoint).toBeUndefined();
    run.append(step(1));
    run.writeWeights('best', { iteration: 1, values: { miou: 12.5 } }, (target) =>
      writeFileSync(path.join(target, 'student.safetensors'), 's'),
    );
    checkpoint(run, 1);
    run.finish('finished', 1);

    const reader = RunFolder.open(folder);
    expect(reader.config).toEqual(config);
    expect(reader.events().map(({ type, iteration }) => [type, iteration])).toEqual([
      ['train', 1],
      ['checkpoint', 1],
      ['checkpoint', 1],
      ['end', 1],
    ]);
    expect(reader.events()[0]).toMatchObject(step(1));
    expect(reader.weights('best')?.mark.values).toEqual({ miou: 12.5 });
    expect(reader.manifest).toMatchObject({
      format: 1,
      status: 'finished',
      method: 'dssn',
      seed: 0,
      lists: [{ name: 'labelled', images: 46, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' }],
      sessions: [{ from: 0, to: 1, status: 'finished', command: ['train', '--out', 'x'], machine: { device: 'cpu', threads: 2 } }],
    });
    expect(existsSync(path.join(folder, '.lock'))).toBe(false);
  });

  it('names the weights that --weights means: teacher-best, else best, else latest', () => {
    const run = RunWriter.create(folder, { config, manifest });
    const reader = RunFolder.open(folder);
    expect(() => reader.weightsFile()).toThrow(/holds no weights yet/);
    checkpoint(run, 1);
    expect(reader.weightsFile()).toBe(path.join(folder, 'latest', 'student.safetensors'));
    expect(reader.weightsFile('teacher-latest')).toBe(path.join(folder, 'latest', 'teacher.safetensors'));
    run.writeWeights('best', { iteration: 1 }, (target) => writeFileSync(path.join(target, 'student.safetensors'), 's'));
    expect(reader.weightsFile()).toBe(path.join(folder, 'best', 'student.safetensors'));
    expect(() => reader.weightsFile('teacher-best')).toThrow(
      `${folder}: holds no weights teacher-best; there are: best, teacher-latest, latest`,
    );
    run.writeWeights('teacher-best', { iteration: 1 }, (target) => writeFileSync(path.join(target, 'teacher.safetensors'), 's'));
    expect(reader.weightsFile()).toBe(path.join(folder, 'teacher-best', 'teacher.safetensors'));
    expect(reader.weightsFile(path.join(folder, 'config.json'))).toBe(path.join(folder, 'config.json'));
    expect(() => reader.weightsFile('tacher-best')).toThrow(/no such file of weights; allowed: teacher-best, best/);
  });

  it('is refused by a reader when it is none', () => {
    expect(() => RunFolder.open(folder)).toThrow(CheckpointError);
    expect(() => RunFolder.open(parent)).toThrow(`${parent}: not a run folder: it holds no config.json`);
    const file = path.join(parent, 'file');
    writeFileSync(file, '');
    expect(() => RunFolder.open(file)).toThrow('not a folder');
    expect(() => RunWriter.create(file, { config, manifest })).toThrow(ConfigError);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ ...config, seed: 'x' }, null, 2));
    expect(() => RunFolder.open(folder)).toThrow(`${folder}/config.json:3:11 seed: got "x"; allowed: an integer of at least 0`);
  });
});

describe('resuming', () => {
  it('begins anew where there is no checkpoint, and refuses one without --resume', () => {
    const first = RunWriter.create(folder, { config, manifest });
    first.append(step(1));
    const second = RunWriter.create(folder, { config, manifest, resume: true });
    expect(second.checkpoint).toBeUndefined();
    expect(RunFolder.open(folder).events()).toEqual([]);
    checkpoint(second, 3);
    expect(() => RunWriter.create(folder, { config, manifest })).toThrow(/holds a checkpoint already; add --resume/);
    expect(RunWriter.create(folder, { config, manifest, replace: true }).checkpoint).toBeUndefined();
    expect(RunFolder.open(folder).weights('latest')).toBeUndefined();
  });

  it('cuts events beyond the checkpoint, an end that was none and a half-written line, so that the file tells one story', () => {
    const run = RunWriter.create(folder, { config, manifest });
    for (let iteration = 1; iteration <= 4; iteration++) run.append(step(iteration));
    checkpoint(run, 4);
    run.append(step(5));
    run.append({ type: 'note', iteration: 5, text: 'lost' });
    appendFileSync(path.join(folder, 'events.jsonl'), '{"type":"train","iter');

    const again = RunWriter.create(folder, { config, manifest, resume: true });
    expect(again.checkpoint?.mark.iteration).toBe(4);
    again.append(step(5));
    checkpoint(again, 5);
    again.finish('interrupted', 5);
    const third = RunWriter.create(folder, { config, manifest, resume: true });
    third.append(step(6));
    third.finish('finished', 6);
    const story = RunFolder.open(folder).events();
    expect(story.map(({ type, iteration }) => `${type} ${iteration}`)).toEqual([
      ...['train 1', 'train 2', 'train 3', 'train 4', 'checkpoint 4'],
      ...['train 5', 'checkpoint 5', 'train 6', 'end 6'],
    ]);
    expect(RunFolder.open(folder).manifest?.sessions.map(({ from, to, status }) => [from, to, status])).toEqual([
      [0, undefined, 'failed'],
      [4, 5, 'interrupted'],
      [5, 6, 'finished'],
    ]);
  });

  it('tells a finished run from an interrupted one, before anything is built', () => {
    expect(inspectRun(folder, config, true).state).toBe('new');
    const run = RunWriter.create(folder, { config, manifest });
    checkpoint(run, 5);
    expect(inspectRun(folder, config, true).state).toBe('resume');
    run.finish('interrupted', 5);
    expect(inspectRun(folder, config, true).state).toBe('resume');
    RunWriter.create(folder, { config, manifest, resume: true }).finish('finished', 10);
    expect(inspectRun(folder, config, true).state).toBe('finished');
    expect(() => inspectRun(folder, config, false)).toThrow(ConfigError);
  });

  it('goes on with other settings of the machine, but not with another configuration', () => {
    checkpoint(RunWriter.create(folder, { config, manifest }), 5);
    const elsewhere = parseConfig(text, 'a.yaml', ['data.root=/e', 'threads=7', 'data.workers=0', 'device=cuda:1', 'train.log_every=1']);
    expect(inspectRun(folder, elsewhere, true).state).toBe('resume');
    const other = parseConfig(text, 'a.yaml', ['train.iterations=20', 'seed=1']);
    expect(() => inspectRun(folder, other, true)).toThrow(
      / {2}seed: 0 in the run, 1 now\n {2}train\.iterations: 10 in the run, 20 now\nallow it with --allow-config-change seed --allow-config-change train\.iterations, or give another --out$/,
    );
  });

  it('goes on with another configuration where that is allowed, and writes down what changed; a finished run is not finished then', () => {
    const run = RunWriter.create(folder, { config, manifest });
    checkpoint(run, 10);
    run.finish('finished', 10);
    const other = parseConfig(text, 'a.yaml', ['train.iterations=20', 'seed=1']);
    expect(() => inspectRun(folder, other, true, ['train'])).toThrow(
      / {2}seed: 0 in the run, 1 now\nallow it with --allow-config-change seed,/,
    );
    expect(inspectRun(folder, other, true, ['train', 'seed'])).toEqual({
      state: 'resume',
      changed: [
        { key: 'seed', before: 0, now: 1 },
        { key: 'train.iterations', before: 10, now: 20 },
      ],
    });
    expect(inspectRun(folder, config, true, ['train'])).toEqual({ state: 'finished', changed: [] });
    expect(() => inspectRun(folder, other, true, ['train.iteration'])).toThrow(
      /'train\.iteration' is no key.*did you mean 'train\.iterations'\?/,
    );
    expect(() => inspectRun(folder, other, false, ['train'])).toThrow(/goes with --resume/);
    const longer = RunWriter.create(folder, { config: other, manifest, resume: true, allowChange: ['seed', 'train.iterations'] });
    // Until something comes of it, the run is what it was.
    const told = () => [RunFolder.open(folder).config.train.iterations, RunFolder.open(folder).manifest?.seed];
    expect(told()).toEqual([10, 0]);
    checkpoint(longer, 11);
    expect(told()).toEqual([20, 1]);
    expect(RunFolder.open(folder).manifest?.sessions.at(-1)).toMatchObject({
      from: 10,
      changed: [{ key: 'seed' }, { key: 'train.iterations' }],
    });
  });

  it('from an earlier checkpoint tells what was passed over, and cuts the events there', () => {
    const run = RunWriter.create(folder, { config, manifest });
    for (const iteration of [1, 2, 3]) {
      run.append(step(iteration));
      checkpoint(run, iteration);
    }
    run.finish('interrupted', 3);
    expect(readdirSync(path.join(folder, 'earlier'))).toEqual(['00000002']);
    writeFileSync(path.join(folder, 'latest', 'student.safetensors'), 'student X');
    expect(() => RunFolder.open(folder).weightsFile('latest')).toThrow(/latest\/student\.safetensors: is damaged/);
    const again = RunWriter.create(folder, { config, manifest, resume: true });
    expect([again.checkpoint?.mark.iteration, again.passedOver.map(({ folder }) => folder)]).toEqual([2, [path.join(folder, 'latest')]]);
    expect(again.events().map(({ type, iteration }) => `${type} ${iteration}`)).toEqual([
      'train 1',
      'checkpoint 1',
      'train 2',
      'checkpoint 2',
    ]);
    expect(RunFolder.open(folder).weightsFile('latest')).toBe(path.join(folder, 'latest', 'student.safetensors'));
  });

  it('is refused while another living process writes the run, and not after it died', async () => {
    RunWriter.create(folder, { config, manifest });
    const child = spawn('sleep', ['60']);
    const began = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19];
    writeFileSync(path.join(folder, '.lock'), JSON.stringify({ host: os.hostname(), process: child.pid, began }));
    expect(() => RunWriter.create(folder, { config, manifest })).toThrow(`process ${child.pid} is writing this run`);
    writeFileSync(path.join(folder, '.lock'), JSON.stringify({ host: os.hostname(), process: child.pid, began: '1' }));
    RunWriter.create(folder, { config, manifest });
    child.kill();
    await new Promise((resolve) => child.once('exit', resolve));
  });
});

describe('events.jsonl', () => {
  const file = () => path.join(parent, 'events.jsonl');

  it('is read up to its last whole line, leaving out types of later versions', () => {
    expect(readEvents(file())).toEqual([]);
    writeFileSync(file(), '{"type":"note","iteration":0,"text":"a"}\n{"type":"later","iteration":1}\n{"type":"no');
    expect(readEvents(file())).toEqual([{ type: 'note', iteration: 0, text: 'a' }]);
  });

  it('names a line that is broken', () => {
    writeFileSync(file(), '{"type":"note","iteration":0,"text":"a"}\n{"type":\n');
    expect(() => readEvents(file())).toThrow(DataError);
    expect(() => readEvents(file())).toThrow(`${file()}:2: not a line of JSON`);
    writeFileSync(file(), '{"type":"note"}\n');
    expect(() => readEvents(file())).toThrow(`${file()}:1: not an event`);
  });
});
