import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { callRequest } from "../bench/workload.ts";

export interface LoadOptions {
  readonly origin: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly connections: number;
  /** Of seven digits. Every call has an id of its own, over all loads. */
  readonly firstId: number;
}

/** Calls that go on until they are told to stop. */
export interface Load {
  /** JSON-RPC ids whose call got a complete answer, since the beginning. */
  readonly answered: ReadonlySet<string>;
  readonly attempts: number;
  /** Answered with the reason `audit_unavailable`. */
  readonly refused: number;
  /** Sent, and neither answered nor refused. */
  readonly failed: number;
  /** Sent, and nothing is known of them yet. */
  readonly inFlight: number;
  /** Calls a second at most; 0 sends none, Infinity the next one as soon as the last was answered. */
  rate: number;
  stop(): Promise<void>;
}

/** What a request's body counts from. */
const FIRST_ID = 1_000_000;

/** After a call that failed: without a pause the loop would only spin while the proxy is down. */
const AFTER_FAILURE_MS = 20;

/**
 * A call that gets no answer is not repeated under its id: the next attempt has an id of its own, so that every id is sent
 * once and must be stored once at the most.
 */
export function startLoad(options: LoadOptions): Load {
  const pool = new Pool(options.origin, { connections: options.connections, bodyTimeout: 30_000, headersTimeout: 30_000 });
  const { headers, body } = callRequest("small", options.headers);
  const answered = new Set<string>();
  const counts = { attempts: 0, refused: 0, failed: 0, inFlight: 0 };
  let stopped = false;
  let stopping: Promise<void> | undefined;

  const one = async (): Promise<boolean> => {
    const n = options.firstId - FIRST_ID + counts.attempts++;
    const id = String(FIRST_ID + n);
    counts.inFlight++;
    try {
      const response = await pool.request({ path: options.path, method: "POST", headers, body: body(n) });
      const text = await response.body.text();
      if (response.statusCode === 200 && text.includes(`"id":${id}`)) answered.add(id);
      else if (text.includes("audit_unavailable")) counts.refused++;
      else throw new Error(`status ${response.statusCode}`);
      return response.statusCode === 200;
    } catch {
      counts.failed++;
      return false;
    } finally {
      counts.inFlight--;
    }
  };
  const load = {
    answered,
    rate: 150,
    get attempts() {
      return counts.attempts;
    },
    get refused() {
      return counts.refused;
    },
    get failed() {
      return counts.failed;
    },
    get inFlight() {
      return counts.inFlight;
    },
    stop() {
      stopped = true;
      stopping ??= running.then(() => pool.close());
      return stopping;
    },
  };
  const lane = async (): Promise<void> => {
    while (!stopped) {
      if (load.rate === 0) {
        await sleep(AFTER_FAILURE_MS);
        continue;
      }
      const startedAt = performance.now();
      const ok = await one();
      const pauseMs = load.rate > 0 ? (options.connections * 1000) / load.rate - (performance.now() - startedAt) : 0;
      if (!ok) await sleep(AFTER_FAILURE_MS);
      else if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  const running = Promise.all(Array.from({ length: options.connections }, lane));
  return load;
}
