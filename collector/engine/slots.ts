import { EngineException } from "./exceptions.ts";

export interface Slots {
  /** Waits for a slot; resolves with its release, which may be called twice. Rejects with ClickHouse's error 202. */
  take(signal: AbortSignal): Promise<() => void>;
  readonly active: number;
  readonly queued: number;
}

export interface SlotLimits {
  maxConcurrentQueries: number;
  maxQueuedQueries: number;
  queueTimeoutMs: number;
}

/** A bounded number of queries at work, and a bounded line before them: first come, first served. */
export function createSlots(limits: SlotLimits): Slots {
  let active = 0;
  const waiting: (() => void)[] = [];

  const grant = (): (() => void) => {
    active++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      active--;
      waiting.shift()?.();
    };
  };

  const wait = (signal: AbortSignal): Promise<() => void> =>
    new Promise((resolve, reject) => {
      const leave = (error: Error): void => {
        const at = waiting.indexOf(enter);
        if (at >= 0) waiting.splice(at, 1);
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        reject(error);
      };
      const onAbort = (): void => leave(EngineException.of("QUERY_WAS_CANCELLED", "Query was cancelled."));
      const timer = setTimeout(() => leave(tooMany(limits)), limits.queueTimeoutMs);
      const enter = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        resolve(grant());
      };
      signal.addEventListener("abort", onAbort, { once: true });
      waiting.push(enter);
    });

  return {
    async take(signal) {
      if (signal.aborted) throw EngineException.of("QUERY_WAS_CANCELLED", "Query was cancelled.");
      if (active < limits.maxConcurrentQueries) return grant();
      if (waiting.length >= limits.maxQueuedQueries) throw tooMany(limits);
      return await wait(signal);
    },
    get active() {
      return active;
    },
    get queued() {
      return waiting.length;
    },
  };
}

function tooMany(limits: SlotLimits): EngineException {
  return EngineException.of(
    "TOO_MANY_SIMULTANEOUS_QUERIES",
    `Too many simultaneous queries. Maximum: ${limits.maxConcurrentQueries}, and ${limits.maxQueuedQueries} waiting.`,
  );
}
