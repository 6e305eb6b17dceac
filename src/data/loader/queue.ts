/**
 * The jobs that the main thread has laid out and no worker has taken yet, in shared memory. Job g is job g mod J of batch
 * floor(g / J), J jobs a batch. The main thread never waits here; idle workers sleep.
 */

const PUBLISHED = 0;
const CLAIMED = 1;
const STOPPED = 2;
const INTS = 3;

export class JobQueue {
  readonly buffer: SharedArrayBuffer;
  private readonly state: Int32Array;

  constructor(buffer = new SharedArrayBuffer(4 * INTS)) {
    this.buffer = buffer;
    this.state = new Int32Array(buffer);
  }

  /** Jobs below `count` may be taken. */
  publish(count: number): void {
    Atomics.store(this.state, PUBLISHED, count);
    Atomics.notify(this.state, PUBLISHED);
  }

  /** No more jobs are handed out; workers that sleep wake up and end. */
  stop(): void {
    Atomics.store(this.state, STOPPED, 1);
    // A changed count as well, so that a worker that is about to sleep does not.
    Atomics.add(this.state, PUBLISHED, 1);
    Atomics.notify(this.state, PUBLISHED);
  }

  /** The next job, for this worker alone; sleeps until there is one. Undefined after `stop`. Blocks: for workers only. */
  take(): number | undefined {
    for (;;) {
      const published = Atomics.load(this.state, PUBLISHED);
      if (Atomics.load(this.state, STOPPED) === 1) return undefined;
      const claimed = Atomics.load(this.state, CLAIMED);
      if (claimed >= published) Atomics.wait(this.state, PUBLISHED, published);
      else if (Atomics.compareExchange(this.state, CLAIMED, claimed, claimed + 1) === claimed) return claimed;
    }
  }
}
