/** A disk that takes longer, in milliseconds, is waited for elsewhere. */
const QUICK_MS = 1;
/** The thread is at the disk for at most one part in so many of its time. */
const SHARE = 5;
/** A record in the two blocks that it may lie across. More than one come under load, and together. */
const MAX_BYTES = 8 * 1024;

/**
 * Whether a write may be done in place, on the thread that asks for it. Handing one to the thread pool wakes two threads,
 * there and back, which takes a good part of what a quick disk does. But the thread must not be kept
 * where the disk is slow, nor under load, where many records leave in one write anyway: the write before tells both.
 */
export class InPlace {
  #tookMs = Infinity;
  #endedMs = 0;

  allows(bytes: number, nowMs: number): boolean {
    return bytes <= MAX_BYTES && this.#tookMs < QUICK_MS && nowMs - this.#endedMs >= this.#tookMs * (SHARE - 1);
  }

  wrote(beganMs: number, endedMs: number): void {
    this.#tookMs = endedMs - beganMs;
    this.#endedMs = endedMs;
  }
}
