import { Pool } from "undici";
import { callRequest } from "../bench/workload.ts";

export interface ChaosLoad {
  /** JSON-RPC ids whose call got a complete answer. */
  readonly answered: ReadonlySet<string>;
  readonly attempts: number;
  readonly failures: number;
}

/**
 * Sends calls until `count` of them were answered, `connections` at a time. A call that gets no answer is not repeated
 * under its id: the next attempt has an id of its own, so that every id is sent once and must be stored once at the most.
 */
export async function runLoad(options: {
  readonly origin: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly count: number;
  readonly connections: number;
  readonly onProgress: (answered: number) => void;
}): Promise<ChaosLoad> {
  const pool = new Pool(options.origin, { connections: options.connections, bodyTimeout: 30_000, headersTimeout: 30_000 });
  const { headers, body } = callRequest("small", options.headers);
  const answered = new Set<string>();
  let attempts = 0;
  let failures = 0;

  const one = async (): Promise<void> => {
    const n = attempts++;
    const id = String(1_000_000 + n);
    try {
      const response = await pool.request({ path: options.path, method: "POST", headers, body: body(n) });
      const text = await response.body.text();
      if (response.statusCode !== 200 || !text.includes(`"id":${id}`)) throw new Error(`status ${response.statusCode}`);
      answered.add(id);
      options.onProgress(answered.size);
    } catch {
      failures += 1;
      // The proxy is down or busy for a moment; without a pause the loop would only spin.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const lane = async (): Promise<void> => {
    while (answered.size < options.count && attempts < options.count * 10) await one();
  };
  await Promise.all(Array.from({ length: options.connections }, lane));
  await pool.close();
  return { answered, attempts, failures };
}
