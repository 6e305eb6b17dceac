import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fasterEngine, forcedRoad, installedEngines, obtainEngine } from '../../setup/engine.mjs';
import { describe as describeLibtorch } from '../../setup/libtorch.mjs';
import { placeOf } from '../../setup/wheel.mjs';
import { fakeShell, makeZip } from './fake.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dssn-engine-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const versionHeader = (version: string) => {
  const [major, minor, patch] = version.split('.');
  return `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`;
};

/** A folder that looks like a libtorch. */
function libtorch(path: string, version: string, library = 'lib'): string {
  write(join(path, 'include/torch/csrc/api/include/torch/version.h'), versionHeader(version));
  write(join(path, library, 'libtorch_cpu.so'), '');
  return path;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A place with nothing in it; `system` and `cache` may be filled by the test. */
const place = (shell = fakeShell([]), environment: Record<string, string> = {}) => ({
  shell,
  environment,
  cache: join(folder, 'cache'),
  system: join(folder, 'usr'),
});

/** A pip that brings a wheel only at the attempt that `accepts` recognises. */
function pip(accepts: (line: string) => boolean) {
  return fakeShell(['pip3'], (line) => {
    if (line.includes('--version')) return { stdout: 'pip 23' };
    if (!accepts(line)) return { status: 1, stderr: 'ERROR: No matching distribution found for torch' };
    const target = /--dest (\S+)/.exec(line)?.[1];
    const entries = [
      { name: 'torch/include/torch/csrc/api/include/torch/version.h', data: Buffer.from(versionHeader('2.13.0')), method: 8 as const },
      { name: 'torch/lib/libtorch_cpu.so', data: Buffer.from('ELF'), method: 8 as const },
      { name: 'torch/__init__.py', data: Buffer.from('import os'), method: 8 as const },
    ];
    writeFileSync(join(String(target), 'torch-2.13.0.whl'), makeZip(entries));
    return {};
  });
}

describe('a libtorch folder', () => {
  test('is described by its headers and libraries', () => {
    const root = libtorch(join(folder, 'site-packages/torch'), '2.11.0');
    write(join(root, 'lib/libtorch_cuda.so'), '');
    write(join(root, 'share/cmake/Torch/TorchConfig.cmake'), 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")');
    const found = describeLibtorch(join(folder, 'site-packages'), 'LIBTORCH');
    expect(found).toMatchObject({ root, version: '2.11.0', lib: join(root, 'lib'), abi: 0, cuda: true, source: 'LIBTORCH' });
    expect(found.id).toMatch(/^libtorch-2\.11\.0-[0-9a-f]{6}$/);
  });

  test('is refused where it is too old, or not whole, naming the file', () => {
    expect(() => describeLibtorch(libtorch(join(folder, 'old'), '1.12.1'), 'debian')).toThrow(
      /PyTorch 1\.12\.1 is too old; 1\.13 or newer/,
    );
    mkdirSync(join(folder, 'empty'));
    expect(() => describeLibtorch(join(folder, 'empty'), 'LIBTORCH')).toThrow(/version\.h is missing/);
  });
});

describe('the roads to an engine', () => {
  test('LIBTORCH comes first, and its folder is meant: no other takes its place', async () => {
    libtorch(join(folder, 'cache/libtorch-2.13.0'), '2.13.0');
    const mine = libtorch(join(folder, 'mine'), '2.5.1');
    await expect(obtainEngine(place(undefined, { LIBTORCH: mine }))).resolves.toMatchObject({ source: 'LIBTORCH', version: '2.5.1' });
    await expect(obtainEngine(place(undefined, { LIBTORCH: join(folder, 'nowhere') }))).rejects.toThrow(
      /LIBTORCH: .*nowhere.*version\.h is missing/,
    );
  });

  test('then the newest in the cache, without a call of pip', async () => {
    libtorch(join(folder, 'cache/libtorch-2.9.1'), '2.9.1');
    libtorch(join(folder, 'cache/libtorch-2.13.0'), '2.13.0');
    libtorch(join(folder, 'usr'), '1.13.0', 'lib/x86_64-linux-gnu');
    const shell = fakeShell(['pip3', 'apt-get', 'apt-cache']);
    await expect(obtainEngine(place(shell))).resolves.toMatchObject({ source: 'wheel', version: '2.13.0' });
    expect(shell.lines).toEqual([]);
    expect(installedEngines(place(shell)).map(({ id }) => id)).toEqual(['wheel-2.13.0', 'wheel-2.9.1', 'debian-1.13.0']);
  });

  test("then the wheel: own indexes, PyTorch's, and both again in the name of Python 3.11", async () => {
    const shell = pip((line) => line.includes('--python-version 3.11') && line.includes('download.pytorch.org'));
    await expect(obtainEngine(place(shell))).resolves.toMatchObject({
      source: 'wheel',
      version: '2.13.0',
      root: join(folder, 'cache/libtorch-2.13.0'),
    });
    const asked = shell.lines.filter((line) => line.includes('download'));
    expect(asked.map((line) => [line.includes('3.11'), line.includes('--index-url')])).toEqual([
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ]);
    expect(readdirSync(join(folder, 'cache'))).toEqual(['libtorch-2.13.0']);
    expect(readdirSync(join(folder, 'cache/libtorch-2.13.0')).sort()).toEqual(['include', 'lib']);
  });

  test('two set-ups at once fetch it once', async () => {
    const shell = pip(() => true);
    const both = await Promise.all([obtainEngine(place(shell)), obtainEngine(place(shell))]);
    expect(both.map(({ version }) => version)).toEqual(['2.13.0', '2.13.0']);
    expect(shell.lines.filter((line) => line.includes('download'))).toHaveLength(1);
  });

  test("then Debian's package, if apt has one that is new enough", async () => {
    const debian = (candidate: string) =>
      fakeShell(
        ['apt-get', 'apt-cache'],
        (line) => {
          if (line.startsWith('apt-cache policy')) return { stdout: `libtorch-dev:\n  Candidate: ${candidate}\n` };
          if (line.includes('install')) libtorch(join(folder, 'usr'), '1.13.0', 'lib/x86_64-linux-gnu');
          return {};
        },
        { root: true },
      );
    await expect(obtainEngine(place(debian('1.8.1-2')))).rejects.toThrow(/libtorch-dev is 1\.8\.1-2; 1\.13 or newer/);
    const shell = debian('1.13.1+dfsg-4');
    await expect(obtainEngine(place(shell))).resolves.toMatchObject({ source: 'debian', version: '1.13.0', abi: 1 });
    expect(shell.lines.at(-1)).toMatch(/DEBIAN_FRONTEND=noninteractive apt-get .*install -y .*libtorch-dev libopenblas0-pthread$/);
    expect(shell.lines.join('\n')).not.toContain(' update');
  });

  test('a user without rights is told what to type, and never asked for a password', async () => {
    const shell = fakeShell(['apt-get', 'apt-cache', 'sudo'], (line) => {
      if (line.startsWith('apt-cache')) return { stdout: '  Candidate: 1.13.1\n' };
      return { status: line.startsWith('sudo -n') ? 1 : 0 };
    });
    await expect(obtainEngine(place(shell), { road: 'debian' })).rejects.toThrow(
      /Run: sudo apt-get install libtorch-dev libopenblas0-pthread/,
    );
    expect(shell.lines.filter((line) => line.startsWith('sudo') && !line.startsWith('sudo -n'))).toEqual([]);
  });

  test('no road open: the error says why each failed, and lists every way', async () => {
    const message = await obtainEngine(place()).catch((error: Error) => error.message);
    expect(message).toMatch(/wheel: no pip here/);
    expect(message).toMatch(/Debian's package: this is no Debian or Ubuntu/);
    for (const way of ['LIBTORCH=/path', 'libtorch-VERSION', 'torch==2.13.0+cpu', 'apt-get install libtorch-dev libopenblas0-pthread'])
      expect(message).toContain(way);
  });

  test('DSSN_ENGINE takes three words', () => {
    expect([forcedRoad('wheel'), forcedRoad('debian'), forcedRoad('LIBTORCH'), forcedRoad('')]).toEqual([
      'wheel',
      'debian',
      'LIBTORCH',
      undefined,
    ]);
    expect(() => forcedRoad('whel')).toThrow(/allowed are libtorch, wheel, debian/);
  });

  test('a faster engine is named only where there is one', () => {
    const old = describeLibtorch(libtorch(join(folder, 'a'), '1.13.0'), 'debian');
    const current = describeLibtorch(libtorch(join(folder, 'b'), '2.13.0'), 'wheel');
    expect(fasterEngine(old)?.how).toBe('npm run setup -- --engine wheel');
    expect(fasterEngine(current)).toBeUndefined();
  });
});

test('of the wheel only libraries, headers, CMake files and licences are kept', () => {
  const kept = {
    'torch/lib/libtorch_cpu.so': 'lib/libtorch_cpu.so',
    'torch/lib/libgomp.so.1': 'lib/libgomp.so.1',
    'torch/lib/libtorch_python.so': undefined,
    'torch/include/ATen/ATen.h': 'include/ATen/ATen.h',
    'torch/share/cmake/Torch/TorchConfig.cmake': 'share/cmake/Torch/TorchConfig.cmake',
    'torch/nn/modules/conv.py': undefined,
    'torch/bin/torch_shm_manager': undefined,
    'torch-2.13.0+cpu.dist-info/licenses/LICENSE': 'licences/LICENSE',
    'torch-2.13.0+cpu.dist-info/METADATA': undefined,
  };
  expect(Object.fromEntries(Object.keys(kept).map((name) => [name, placeOf(name)]))).toEqual(kept);
});
