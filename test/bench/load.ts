/**
 * The load generator, in a process of its own so that its work is not counted as a target's. It takes jobs from its
 * parent one at a time and answers each with a report.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Pool, type Dispatcher } from "undici";
import { Latencies } from "./latencies.ts";
import { callRequest, type CallRequest, type Size } from "./workload.ts";

interface Common {
  url: string;
  headers: Record<string, string>;
  size: Size;
  maxCalls: number;
  maxMs: number;
}

export type LoadJob = Common &
  (
    | { loop: "closed"; connections: number }
    /** Calls start when they are due, whether or not earlier ones were answered. */
    | { loop: "open"; callsPerSecond: number }
  );

export interface LoadReport {
  calls: number;
  errors: number;
  /** The first error that was seen. */
  fault?: string;
  seconds: number;
  latencyMs: { p50: number; p99: number; max: number };
}

/** What a job that should not go on is told. */
export const END = "end";
/** Of the job under way. */
let ended = false;

process.on("message", (job: LoadJob | typeof END) => {
  ended = job === END;
  if (job !== END) void run(job).then((report) => process.send?.(report));
});
process.once("disconnect", () => process.exit(0));

async function run(job: LoadJob): Promise<LoadReport> {
  const { origin, pathname } = new URL(job.url);
  // Open-loop calls must never wait for a connection: that wait would be taken for the target's latency.
  const pool = new Pool(origin, { connections: job.loop === "closed" ? job.connections : 256, pipelining: 1 });
  const caller = new Caller(pool, pathname, callRequest(job.size, job.headers), job.maxCalls);
  const startedAt = performance.now();
  const endsAt = startedAt + job.maxMs;
  if (job.loop === "closed") await Promise.all(Array.from({ length: job.connections }, () => callInTurn(caller, endsAt)));
  else await callOnTime(caller, job.callsPerSecond, endsAt);
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.destroy();
  return { ...caller.report(), seconds };
}

async function callInTurn(caller: Caller, endsAt: number): Promise<void> {
  while (caller.mayCall && !ended && performance.now() < endsAt) await caller.call();
}

async function callOnTime(caller: Caller, callsPerSecond: number, endsAt: number): Promise<void> {
  const intervalMs = 1000 / callsPerSecond;
  const pending = new Set<Promise<void>>();
  let dueAt = performance.now();
  while (caller.mayCall && !ended && dueAt < endsAt) {
    const wait = dueAt - performance.now();
    if (wait > 0) await sleep(wait);
    const call = caller.call().finally(() => pending.delete(call));
    pending.add(call);
    dueAt += intervalMs;
  }
  await Promise.all(pending);
}

class Caller {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #request: CallRequest;
  readonly #limit: number;
  readonly #latencies: Latencies;
  #started = 0;
  #answered = 0;
  #errors = 0;
  #fault: string | undefined;

  constructor(pool: Pool, path: string, request: CallRequest, limit: number) {
    this.#pool = pool;
    this.#path = path;
    this.#request = request;
    this.#limit = limit;
    this.#latencies = new Latencies(limit);
  }

  get mayCall(): boolean {
    return this.#started < this.#limit;
  }

  report(): Omit<LoadReport, "seconds"> {
    const latencyMs = this.#latencies.percentiles();
    return { calls: this.#answered, errors: this.#errors, fault: this.#fault, latencyMs };
  }

  /** Resolves when the answer is complete; a failed call is counted, never thrown. */
  call(): Promise<void> {
    const body = this.#request.body(this.#started++);
    const sentAt = performance.now();
    return new Promise((resolve) => {
      const done = (fault: string | undefined) => {
        this.#count(performance.now() - sentAt, fault);
        resolve();
      };
      const { headers } = this.#request;
      this.#pool.dispatch({ path: this.#path, method: "POST", headers, body }, new Answer(done));
    });
  }

  #count(ms: number, fault: string | undefined): void {
    if (fault === undefined) {
      this.#answered++;
      this.#latencies.add(ms);
      return;
    }
    this.#errors++;
    this.#fault ??= fault;
  }
}

/** Looks at the status and the first bytes only: enough to tell a result from a refusal, and cheap. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #done: (fault: string | undefined) => void;
  #status = 0;
  #head = "";

  constructor(done: (fault: string | undefined) => void) {
    this.#done = done;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#head === "") this.#head = chunk.toString("latin1", 0, 300);
  }

  onResponseEnd(): void {
    const good = this.#status === 200 && this.#head.includes('"result"') && !this.#head.includes('"isError":true');
    this.#done(good ? undefined : `HTTP ${this.#status}: ${this.#head}`);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#done(error.message);
  }
}
