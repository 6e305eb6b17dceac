import { describe, expect, it } from 'vitest';
import { Interruption } from './context.ts';
import { formatSeconds, TextReporter } from './progress.ts';
import { formatTable } from './table.ts';

/** A sink that keeps what was written, and a clock that is set by hand (milliseconds). */
function harness(terminal: boolean, columns = 120) {
  const written: string[] = [];
  const clock = { now: 0 };
  const sink = { write: (text: string) => written.push(text), isTTY: terminal, columns };
  return { written, clock, reporter: new TextReporter(sink, () => clock.now) };
}

const full = {
  iteration: 50,
  epoch: 3,
  losses: { loss: 0.8123, loss_x: 1.5, loss_s1: 0.25 },
  lr: 0.01,
  kept: 0.428,
  iterationsPerSecond: 1.515,
  imagesPerSecond: 12.12,
};

describe('a reporter into a file or a pipe', () => {
  it('prints a line at once, then every ten seconds, and the last state', () => {
    const { written, clock, reporter } = harness(false);
    reporter.start(100, 'dssn');
    for (let iteration = 1; iteration <= 100; iteration++) {
      clock.now += 300;
      reporter.update({ iteration, losses: { loss: iteration } });
    }
    reporter.end();
    expect(written.map((line) => line.split('  ')[0])).toEqual([
      'dssn 1/100 1%',
      'dssn 35/100 35%',
      'dssn 69/100 69%',
      'dssn 100/100 100%\n'.trim(),
    ]);
    expect(written[1]).toBe('dssn 35/100 35%  3.33 it/s  loss 35.000  0:20 left\n');
    expect(written.join('')).not.toContain('\u001b');
  });

  it('shows all that it is given, in one line', () => {
    const { written, reporter } = harness(false);
    reporter.start(100, 'dssn');
    reporter.update(full);
    reporter.end('done');
    expect(written).toEqual([
      'dssn 50/100 50%  epoch 3  1.51 it/s  12.1 img/s  loss 0.812  x 1.500 s1 0.250  kept 43%  lr 0.0100  0:33 left\n',
      'done\n',
    ]);
  });

  it('counts the time left from the work of this process alone', () => {
    const { written, clock, reporter } = harness(false);
    reporter.start(100, 'images', { unit: 'image', done: 80 });
    clock.now = 5000;
    reporter.update({ iteration: 90 });
    expect(written).toEqual(['images 90/100 90%  2.00 image/s  0:05 left\n']);
  });

  it('prints notes, warnings and tables plainly', () => {
    const { written, reporter } = harness(false);
    reporter.note('a');
    reporter.warning('b');
    reporter.table(
      ['class', 'IoU'],
      [
        ['road', 91.234],
        ['sky', 8],
      ],
    );
    expect(written).toEqual(['a\n', 'warning: b\n', 'class    IoU\nroad   91.23\nsky        8\n']);
  });
});

describe('a reporter on a terminal', () => {
  it('redraws one line, at most ten times a second, and leaves the last one', () => {
    const { written, clock, reporter } = harness(true);
    reporter.start(100, 'dssn');
    reporter.update({ iteration: 1 });
    clock.now = 50;
    reporter.update({ iteration: 2 });
    clock.now = 200;
    reporter.update({ iteration: 3 });
    reporter.note('hello');
    reporter.end();
    expect(written).toEqual([
      'dssn 1/100 1%',
      '\r\u001b[2K',
      'dssn 3/100 3%  15.0 it/s  0:06 left',
      '\r\u001b[2K',
      'hello\n',
      'dssn 3/100 3%  15.0 it/s  0:06 left',
      '\r\u001b[2K',
      'dssn 3/100 3%  15.0 it/s  0:06 left\n',
    ]);
  });

  it.each([
    [200, 'dssn 50/100 50%  epoch 3  1.51 it/s  12.1 img/s  loss 0.812  x 1.500 s1 0.250  kept 43%  lr 0.0100  0:33 left'],
    [80, 'dssn 50/100 50%  1.51 it/s  12.1 img/s  loss 0.812  kept 43%  0:33 left'],
    [40, 'dssn 50/100 50%  1.51 it/s  0:33 left'],
    [21, 'dssn 50/100 50%'],
  ])('leaves out what matters least in %i columns', (columns, line) => {
    const { written, reporter } = harness(true, columns);
    reporter.start(100, 'dssn');
    reporter.update(full);
    expect(written).toEqual([line]);
    expect(line.length).toBeLessThan(columns);
  });
});

it('times and tables', () => {
  expect([7, 754, 3723, -1].map(formatSeconds)).toEqual(['0:07', '12:34', '1:02:03', '0:00']);
  expect(formatTable(['a', 'n'], [])).toBe('a  n');
});

describe('signals', () => {
  const listen = () => {
    const said: string[] = [];
    const exits: number[] = [];
    return {
      said,
      exits,
      interruption: new Interruption(
        (text) => said.push(text),
        (code) => exits.push(code),
      ),
    };
  };

  it('end the process at once where no task asked to end in good order', () => {
    const { exits, interruption } = listen();
    interruption.receive('SIGTERM');
    expect(exits).toEqual([143]);
  });

  it('abort a task that asked, and end the process at the second', () => {
    const { said, exits, interruption } = listen();
    const { signal } = interruption;
    interruption.receive('SIGINT');
    expect([signal.aborted, exits, interruption.exitCode]).toEqual([true, [], 130]);
    expect(said).toEqual(['SIGINT: stopping after this step, with a checkpoint; once more to stop at once']);
    interruption.receive('SIGINT');
    expect(exits).toEqual([130]);
  });
});
