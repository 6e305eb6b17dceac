import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dssn } from './run.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'dssn-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('help', () => {
  it('lists every command and ends with 0', async () => {
    const { code, stdout, stderr } = await dssn(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of ['quickstart', 'init', 'check', 'train', 'evaluate', 'predict', 'runs', 'convert', 'doctor', 'bench'])
      expect(stdout).toContain(`\n  ${command} `);
  });

  it.each([
    ['quickstart', ['--out', '--seed', '--json']],
    ['check', ['--config', '--set', '--out', '--no-estimate', '--json']],
    ['init', ['--masks', '--out', '--val', '--seed', '--ignore', '--force', '--json']],
    ['train', ['--config', '--set', '--out', '--resume', '--seeds', '--allow-config-change', '--json']],
    ['evaluate', ['--run', '--checkpoint', '--config', '--set', '--weights', '--tta', '--device', '--data', '--list', '--json']],
    ['convert', ['--force', '--json']],
    ['predict', ['--run', '--checkpoint', '--config', '--set', '--weights', '--out', '--device', '--json']],
    ['runs', ['--per-class', '--sort', '--json']],
    ['doctor', ['--json']],
    ['bench step', ['--backbone', '--nclass', '--crop', '--batch', '--threads', '--bf16', '--iters', '--set', '--json']],
    ['bench loader', ['--crop', '--workers', '--seconds', '--json']],
  ])('of %s names its options and shows an example', async (command, options) => {
    const { code, stdout } = await dssn([...command.split(' '), '--help']);
    expect(code).toBe(0);
    for (const option of options) expect(stdout).toContain(option);
    expect(stdout).toContain(`Examples:\n  dssn ${command}`);
  });

  it('tells the version', async () => {
    expect((await dssn(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('wrong usage ends with 2 and says what was meant', () => {
  it.each([
    [[], /Usage: dssn/],
    [['trian'], /unknown command 'trian'\n\(Did you mean train\?\)/],
    [['train', '--confg', 'x'], /unknown option '--confg'\n\(Did you mean --config\?\)/],
    [['train', '--out', 'x'], /required option '--config <file>' not specified/],
    [['bench', 'step', '--backbone', 'resnet19'], /'resnet19' is invalid\. Allowed choices are resnet10, resnet18/],
    [['bench', 'step', '--crop', '0'], /'0' is invalid\. Allowed: an integer of at least 1\./],
    [['bench', 'step', '--set', 'train.lrr=1'], /--set train\.lrr=1: unknown key train\.lrr; did you mean train\.lr\?/],
    [
      ['bench', 'step', '--set', 'train.burn_in=0.5'],
      /--set train\.burn_in=0\.5: a bench of steps does not read this key; allowed: data\.crop_size/,
    ],
    [['bench', 'step', '--device', 'gpu'], /error: device: gpu is not there; allowed here: auto, cpu/],
    [['bench', 'loader', 'x', 'y', '--seconds', '-1'], /Allowed: a number above 0\./],
    [['predict', 'x.png', '--out', 'y'], /exactly one of --run and --checkpoint must be given; neither is/],
    [['predict', 'x.png', '--out', 'y', '--run', 'r', '--checkpoint', 'c'], /both are/],
    [['predict', 'x.png', '--out', 'y', '--weights', 'best', '--checkpoint', 'c'], /--checkpoint is a file of weights itself/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await dssn(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});

describe('a wrong configuration', () => {
  const file = path.join(folder, 'bad.yaml');
  writeFileSync(file, 'method: dssn\nmodel: {backbone: resnet19}\ntrain:\n  lrr: 1\n');

  it('ends with 2 and a line for each problem, without a stack', async () => {
    const { code, stderr } = await dssn(['train', '--config', file, '--set', 'train.batch_size=0', '--out', path.join(folder, 'run')]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}:2:19 model.backbone: got "resnet19"; allowed: resnet10, resnet18, resnet34, resnet50, resnet101`);
    expect(stderr).toContain(`${file}:4:3 train.lrr: unknown key; did you mean train.lr?`);
    expect(stderr).toContain('--set train.batch_size=0: train.batch_size: got 0; allowed: an integer of at least 1');
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('shows the stack with DSSN_DEBUG=1', async () => {
    const { code, stderr } = await dssn(['train', '--config', 'nowhere.yaml', '--out', 'x'], { DSSN_DEBUG: '1' });
    expect(code).toBe(2);
    expect(stderr).toContain('nowhere.yaml: cannot be read');
    expect(stderr).toMatch(/\n {4}at .*loadConfig/);
  });
});

describe('doctor', () => {
  it('prints one JSON object of what it found', async () => {
    const { code, stdout } = await dssn(['doctor', '--json']);
    const result = JSON.parse(stdout);
    expect(code).toBe(result.ok ? 0 : 1);
    expect(result.node).toBe(process.versions.node);
    expect(result.cpu.physical_cores).toBeGreaterThan(0);
    expect(result.cpu.logical_cores).toBeGreaterThanOrEqual(result.cpu.physical_cores);
    expect(result.memory.total_gb).toBeGreaterThan(0.5);
    if (result.ok) expect(result.engine.version).toMatch(/^[12]\.\d+\.\d+/);
    for (const finding of result.findings) expect(['missing', 'slow', 'note']).toContain(finding.level);
  });

  it('says what is missing and how to get it where no such engine is built', async () => {
    const { code, stdout } = await dssn(['doctor'], { DSSN_ENGINE: 'nowhere' });
    expect(code).toBe(1);
    expect(stdout).toMatch(/missing: no engine 'nowhere' is built/);
    expect(stdout).toMatch(/npm run setup/);
    expect(stdout).toMatch(/not ready\n$/);
  });
});
