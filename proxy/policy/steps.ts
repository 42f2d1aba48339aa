/** Work that may be left between two steps: long loads share the event loop with calls. */
export type Steps<T> = Generator<void, T>;

/** Does all of it at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** How long one slice may take. A call that arrives meanwhile waits for no more than this. */
const SLICE_MS = 8;

/** Does it in slices, and lets the event loop turn between them. */
export async function finishInSlices<T>(steps: Steps<T>, monotonicMs: () => number = () => performance.now()): Promise<T> {
  for (;;) {
    const until = monotonicMs() + SLICE_MS;
    do {
      const { done, value } = steps.next();
      if (done) return value;
    } while (monotonicMs() < until);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
