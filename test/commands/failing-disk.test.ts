/** What a training does when it cannot write, when nothing is finite any more, and when it is told twice to stop. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { verifyWeights } from '../../src/runs/weights.ts';
import { dssn, projectRoot, start } from './command.ts';
import { type Photographs, writePhotographs } from './pictures.ts';
import { expectSameRun } from './same-run.ts';

let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

const command = (run: string, ...settings: string[]): string[] => [
  ...['train', '--config', set.config, '--out', run],
  ...['model.backbone=resnet10', 'model.decoder_channels=8', 'train.checkpoint_every=1', ...settings].flatMap((setting) => [
    '--set',
    setting,
  ]),
];

/** Runs a command whose files may not grow beyond so many KiB: the system refuses to write then, as on a full disk. */
function limited(kibibytes: number, ...args: string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn('bash', [
    '-c',
    `ulimit -f ${kibibytes}; exec "$@"`,
    'bash',
    process.execPath,
    join(projectRoot, 'bin/dssn.mjs'),
    ...args,
  ]);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return new Promise((settle) => child.once('close', (code) => settle({ code, stderr })));
}

describe('a training that cannot write', () => {
  it('says so where the disk takes no more, and keeps its last checkpoint, from which it goes on', async () => {
    const [whole, run] = [join(set.root, 'whole'), join(set.root, 'run')];
    expect((await dssn(...command(whole))).code).toBe(0);
    const running = start(...command(run));
    while (readEvents(join(run, 'events.jsonl')).every(({ iteration }) => iteration < 2)) await wait(10);
    running.process.kill('SIGTERM');
    expect((await running.ended).code).toBe(143);
    const before = RunFolder.open(run).weights('latest')!;
    const { code, stderr } = await limited(8000, ...command(run), '--resume');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: \S*\/run\/\.latest\.new\/student\.safetensors: cannot be written \(EFBIG: .*\): a file may not grow so large here \(see ulimit -f\); what the run has saved before is whole: mend that, then go on with --resume\n$/,
    );
    const after = RunFolder.open(run).weights('latest')!;
    expect(after.mark).toEqual(before.mark);
    verifyWeights(after);
    expect(existsSync(join(run, '.latest.new'))).toBe(false);
    expect(RunFolder.open(run).manifest?.status).toBe('failed');
    expect((await dssn(...command(run), '--resume')).code).toBe(0);
    expectSameRun(run, whole);
  });

  it('into a folder where it may not write says so before it trains', async () => {
    // Permissions do not stop root; the system's own folders do.
    const folder = process.getuid?.() === 0 ? '/sys/dssn' : join(set.root, 'locked/run');
    if (process.getuid?.() !== 0) {
      mkdirSync(join(set.root, 'locked'));
      chmodSync(join(set.root, 'locked'), 0o555);
    }
    const { code, stderr } = await dssn(...command(folder));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: \S+: cannot be written \((EACCES|EPERM|EROFS): .*\): (you may not write there|the disk is read-only); /,
    );
  });
});

describe('a training whose numbers are not finite', () => {
  it('leaves such iterations out, names their images, and stops after too many in a row with its checkpoint as it was', async () => {
    const run = join(set.root, 'infinite');
    const { code, stdout, stderr } = await dssn(
      ...command(run, 'train.iterations=50', 'train.lr=1e30', 'train.max_skipped=2', 'train.burn_in=0.9'),
    );
    expect(code).toBe(1);
    const events = RunFolder.open(run).events();
    const skips = events.flatMap((event) => (event.type === 'skip' ? [event] : []));
    expect(skips).toHaveLength(3);
    expect(skips.map(({ iteration }) => iteration - skips[0]!.iteration)).toEqual([0, 1, 2]);
    for (const { images, reason } of skips) {
      expect(images.length).toBeGreaterThan(0);
      for (const image of images) expect(image).toMatch(/^images\/labeled\d$/);
      expect(reason).toMatch(/is NaN|is Infinity|is not finite/);
    }
    expect(stdout).toContain(
      `warning: iteration ${skips[0]!.iteration} is left out: ${skips[0]!.reason}; its images: ${skips[0]!.images.join(', ')}\n`,
    );
    expect(stderr).toMatch(
      /3 in a row were not finite, allowed: 2 \(train\.max_skipped\); a lower train\.lr may help: go on from the last checkpoint with --resume --allow-config-change train\.lr .* begin anew with another --out$/m,
    );
    // Nothing is saved while steps are left out: their weights may be ruined.
    const latest = RunFolder.open(run).weights('latest')!;
    verifyWeights(latest);
    expect(latest.mark.iteration).toBe(skips[0]!.iteration - 1);
    expect(latest.mark.values.skipped).toBeUndefined();
  });

  it('leaves the checkpoints from before it, and goes on from them as advised', async () => {
    const run = join(set.root, 'diverged');
    const settings = (lr: string, iterations: number) => [
      `train.iterations=${iterations}`,
      `train.lr=${lr}`,
      'train.burn_in=0.9',
      'train.max_skipped=4',
    ];
    expect((await dssn(...command(run, ...settings('0.01', 3)))).code).toBe(0);
    const allowed = ['--resume', '--allow-config-change', 'train'];
    const diverged = await dssn(...command(run, ...settings('1.0e+30', 30)), ...allowed);
    expect([diverged.code, diverged.stderr]).toEqual([
      1,
      expect.stringMatching(/5 in a row were not finite.*; where .* remove \S+\/diverged\/latest, and the one before it is taken/),
    ]);
    // The step at that rate made weights that are huge, and finite: what it saved is of no use.
    rmSync(join(run, 'latest'), { recursive: true });
    const mended = await dssn(...command(run, ...settings('0.001', 5)), ...allowed);
    expect([mended.code, mended.stderr]).toEqual([0, '']);
    expect(mended.stdout).toContain(`warning: ${join(run, 'latest')}: is not there; the run goes on from iteration 3\n`);
    expect(
      RunFolder.open(run)
        .events()
        .filter(({ type }) => type === 'skip'),
    ).toEqual([]);
  });
});

describe('a second signal', () => {
  it('ends a training at once, without the checkpoint that the first one promised', async () => {
    const run = join(set.root, 'twice');
    const { process: child, ended } = start(...command(run, 'train.iterations=200', 'train.checkpoint_every=200', 'train.eval_every=200'));
    while (readEvents(join(run, 'events.jsonl')).length === 0) await wait(10);
    child.kill('SIGINT');
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    // Of two that are pending at the same time the system may hand over either first, and both before the first is told of.
    expect([130, 143]).toContain(code);
    expect(stderr).toMatch(/^(\n(SIGINT|SIGTERM): stopping after this step, with a checkpoint; once more to stop at once\n)?$/);
    expect(existsSync(join(run, 'latest'))).toBe(false);
    expect(JSON.parse(readFileSync(join(run, 'manifest.json'), 'utf8'))).toMatchObject({ status: 'running' });
  });

  it('ends it in the middle of a step', async () => {
    const run = join(set.root, 'at-once');
    // Steps of seconds.
    const { process: child, ended } = start(
      ...command(
        run,
        'train.iterations=200',
        'model.backbone=resnet50',
        'model.decoder_channels=256',
        'data.crop_size=129',
        'train.batch_size=4',
      ),
    );
    const events = () => readEvents(join(run, 'events.jsonl'));
    while (events().every(({ type }) => type !== 'checkpoint')) await wait(10);
    for (let signal = 0; signal < 2; signal++) {
      await wait(200);
      child.kill('SIGINT');
    }
    expect((await ended).code).toBe(130);
    // Neither the step nor the end of a training that stops in good order.
    expect(events().map(({ type, iteration }) => [type, iteration])).toEqual([
      ['train', 1],
      ['checkpoint', 1],
    ]);
  });
});
