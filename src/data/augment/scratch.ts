/**
 * Working memory that an operation reuses between calls, so that a view costs no allocation. It never leaves the module
 * that holds it: what it contains before and after a call means nothing.
 */
export class Scratch {
  private bytes = new Uint8Array(0);

  /** At least `length` bytes of undefined content; the same memory as the last call's where that was large enough. */
  take(length: number): Uint8Array {
    if (this.bytes.length < length) this.bytes = new Uint8Array(length);
    return this.bytes;
  }
}
