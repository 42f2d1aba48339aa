/**
 * Time is a dependency. `nowNs` is wall time in Unix nanoseconds; `monotonicNs` only ever grows and serves durations.
 */
export interface Clock {
  nowNs(): bigint;
  nowMs(): number;
  monotonicNs(): bigint;
}

const originMs = performance.timeOrigin;

/** The machine's clock. Wall time comes from one origin plus the monotonic clock, re-read every second, so that two
 * readings inside one call keep their order and still follow a clock that the system corrects. */
export const systemClock: Clock = createSystemClock();

function createSystemClock(): Clock {
  let baseMs = originMs;
  let checkedAtMs = -Infinity;
  const nowMsExact = (): number => {
    const elapsed = performance.now();
    if (elapsed - checkedAtMs > 1000) {
      checkedAtMs = elapsed;
      const drift = Date.now() - (baseMs + elapsed);
      if (Math.abs(drift) > 5) baseMs += drift;
    }
    return baseMs + elapsed;
  };
  return {
    nowNs: () => BigInt(Math.round(nowMsExact() * 1000)) * 1000n,
    nowMs: () => Math.floor(nowMsExact()),
    monotonicNs: () => process.hrtime.bigint(),
  };
}

/** A clock whose wall time runs `offsetMs()` away from `base`: for replaying traffic in the past. Durations stay real. */
export function shiftedClock(base: Clock, offsetMs: () => number): Clock {
  return {
    nowNs: () => base.nowNs() + BigInt(Math.round(offsetMs())) * 1_000_000n,
    nowMs: () => base.nowMs() + Math.round(offsetMs()),
    monotonicNs: () => base.monotonicNs(),
  };
}

/** A clock that stands still until it is told to move: for tests. */
export function manualClock(startMs: number): Clock & { advanceMs(ms: number): void } {
  let ns = BigInt(startMs) * 1_000_000n;
  return {
    nowNs: () => ns,
    nowMs: () => Number(ns / 1_000_000n),
    monotonicNs: () => ns,
    advanceMs(ms) {
      ns += BigInt(Math.round(ms * 1e6));
    },
  };
}
