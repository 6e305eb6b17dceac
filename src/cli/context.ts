/** What every command has at hand: where to print, how to show progress, and the signal that ends its task early. */
import picocolors from 'picocolors';
import type { Reporter } from '../tasks/types.ts';
import { type Sink, TextReporter } from './progress.ts';

export class Context {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** The command as typed, without node and the program's path. */
  readonly command: readonly string[];
  readonly interruption: Interruption;
  /** What the process ends with when no error is thrown. */
  exitCode = 0;

  constructor(stdout: Sink, stderr: Sink, command: readonly string[], interruption: Interruption) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.command = command;
    this.interruption = interruption;
  }

  /** Progress goes where the human text goes: stdout, or stderr when stdout is for a program's eyes. */
  reporter(json: boolean | undefined): Reporter {
    return new TextReporter(json ? this.stderr : this.stdout);
  }

  /** One result: a JSON line, or the text. */
  print(json: boolean | undefined, result: object, text: () => string): void {
    this.stdout.write(`${json ? JSON.stringify(result) : text()}\n`);
  }

  /** Ends with the signal's exit code, the task having stopped early on account of it. */
  stoppedEarly(): void {
    this.exitCode = this.interruption.exitCode ?? 1;
  }

  get colours(): ReturnType<typeof picocolors.createColors> {
    return picocolors.createColors(this.stderr.isTTY === true && !process.env.NO_COLOR);
  }
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * SIGINT and SIGTERM. A task that asked for `signal` gets to finish its step and to write a checkpoint; a second signal, or a
 * task that did not ask, ends the process at once.
 */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #say: (text: string) => void;
  readonly #exit: (code: number) => void;
  #graceful = false;
  exitCode: number | undefined;

  constructor(say: (text: string) => void, exit: (code: number) => void) {
    this.#say = say;
    this.#exit = exit;
  }

  /** The signal for a task that ends in good order by itself. */
  get signal(): AbortSignal {
    this.#graceful = true;
    return this.#controller.signal;
  }

  readonly receive = (name: NodeJS.Signals): void => {
    const first = this.exitCode === undefined;
    this.exitCode = exitCodes[name as keyof typeof exitCodes];
    if (first && this.#graceful) {
      this.#say(`${name}: stopping after this step, with a checkpoint; once more to stop at once`);
      this.#controller.abort(new Error(name));
    } else this.#exit(this.exitCode);
  };

  /** Listens to the process; the function returned stops that. */
  listen(): () => void {
    for (const name of Object.keys(exitCodes)) process.on(name, this.receive);
    return () => {
      for (const name of Object.keys(exitCodes)) process.off(name, this.receive);
    };
  }
}
