import { newBucket, refill, underWay, waitMs, type Bucket } from "./bucket.ts";
import { limitFits, limitKey, type CompiledLimit, type LimitFacts, type LimitSet } from "./limit.ts";
import { TaskCounts, type TaskCount, type ToldCount } from "./task-counts.ts";

export type Entered =
  | {
      readonly ok: true;
      /** When the call is over, however it ended. May be called twice. */
      leave(): void;
    }
  | {
      readonly ok: false;
      /** Empty for a budget. */
      readonly limitId: string;
      readonly reason: "rate_limited" | "concurrency" | "budget";
      /** 0 where waiting does not help (a budget), or nobody knows how long. */
      readonly retryAfterMs: number;
      /** For the caller: the limit's own, or one that says what was reached. */
      readonly message: string;
    };

/** What a worker tells the others: [key, taken since the last time, under way now], and what tasks have done. */
export interface LimitNews {
  readonly origin: string;
  readonly buckets: readonly (readonly [key: string, taken: number, running: number])[];
  readonly tasks: readonly ToldCount[];
}

export interface LimiterOptions {
  /** Those in force now. */
  readonly limits: () => LimitSet;
  /** This worker's name, never used again: random. */
  readonly origin: string;
}

/** Keys of one generation; as many again of the one before are still known. */
const GENERATION = 10_000;
const entered = Object.freeze({ ok: true as const, leave: () => {} });

interface Place {
  readonly compiled: CompiledLimit;
  readonly bucket: Bucket;
}

/**
 * Counts calls against limits and against the budgets of their tasks, in this worker, with what the others say they
 * counted. Between two rounds of news (`share-limits.ts`) workers can together let somewhat more through than a limit has;
 * it is taken off what comes after. Times are passed in, and nothing here waits.
 */
export class Limiter {
  readonly #origin: string;
  /** Two generations: what was asked for of late, and what was before that. An order of use within one Map would cost more,
   * since a Map keeps the place of everything that is deleted and set again. */
  #recent = new Map<string, Bucket>();
  #older = new Map<string, Bucket>();
  readonly #changed = new Set<string>();
  readonly #tasks: TaskCounts;
  readonly #inForce: () => LimitSet;
  #limits: LimitSet;
  #byId: ReadonlyMap<string, CompiledLimit>;
  /** True when enough was taken that the others should hear of it before their usual time. */
  urgent = false;

  constructor({ limits, origin }: LimiterOptions) {
    this.#inForce = limits;
    this.#limits = limits();
    this.#byId = byId(this.#limits);
    this.#origin = origin;
    this.#tasks = new TaskCounts(origin);
  }

  /** Counts go on where a limit keeps its id, within its new bounds. */
  #follow(): void {
    const limits = this.#inForce();
    if (limits === this.#limits) return;
    this.#limits = limits;
    this.#byId = byId(limits);
    const kept = (buckets: ReadonlyMap<string, Bucket>) => new Map([...buckets].filter(([key]) => this.#byId.has(idOf(key))));
    this.#recent = kept(this.#recent);
    this.#older = kept(this.#older);
  }

  /** Takes the call's place in every limit that fits it, or in none. Asked last: only what is forwarded counts. */
  enter(facts: LimitFacts, nowMs: number): Entered {
    this.#follow();
    const spent = this.#overBudget(facts);
    if (spent) return spent;
    const places: Place[] = [];
    for (const compiled of this.#limits.limits) {
      if (!limitFits(compiled, facts)) continue;
      const bucket = this.#bucket(limitKey(compiled, facts), compiled, nowMs);
      const full = refusal(compiled, bucket, nowMs);
      if (full) return full;
      places.push({ compiled, bucket });
    }
    // Only tools have effects on the world, so only calls of tools are what a budget is for.
    if (facts.taskId !== "" && facts.tool !== "") {
      this.#tasks.add(facts.taskId, facts.effect === "write" || facts.effect === "destructive");
      if (facts.budget?.calls !== undefined || facts.budget?.writes !== undefined) this.urgent = true;
    }
    if (places.length === 0) return entered;
    for (const place of places) this.#take(place, facts);
    return { ok: true, leave: this.#leaving(places, facts) };
  }

  /** What a task has done so far, on all workers. */
  done(taskId: string): TaskCount {
    return this.#tasks.of(taskId);
  }

  forgetTask(taskId: string): void {
    this.#tasks.forget(taskId);
  }

  /** What the others have not heard yet; null where that is nothing. */
  takeNews(): LimitNews | null {
    const buckets: [string, number, number][] = [];
    for (const key of this.#changed) {
      const bucket = this.#recent.get(key) ?? this.#older.get(key);
      if (!bucket) {
        this.#changed.delete(key);
        continue;
      }
      buckets.push([key, bucket.untold, bucket.running]);
      bucket.untold = 0;
      bucket.toldRunning = bucket.running;
      // What is under way is said again and again, or the others would take this worker for gone.
      if (bucket.running === 0) this.#changed.delete(key);
    }
    this.urgent = false;
    const tasks = this.#tasks.takeUntold();
    return buckets.length === 0 && tasks.length === 0 ? null : { origin: this.#origin, buckets, tasks };
  }

  /** Everything that is known of tasks, in parts, for a worker that has just started. */
  *allNews(size = 500): Generator<LimitNews> {
    let tasks: ToldCount[] = [];
    for (const count of this.#tasks.all()) {
      if (tasks.push(count) < size) continue;
      yield { origin: this.#origin, buckets: [], tasks };
      tasks = [];
    }
    if (tasks.length > 0) yield { origin: this.#origin, buckets: [], tasks };
  }

  hear(news: LimitNews, nowMs: number): void {
    if (news.origin === this.#origin) return;
    for (const [key, taken, running] of news.buckets) {
      const compiled = this.#byId.get(idOf(key));
      if (!compiled) continue;
      const bucket = this.#bucket(key, compiled, nowMs);
      const { rate } = compiled.limit;
      // Never deeper in debt than one whole refill, or a burst on many workers would shut a key out for long.
      if (rate) bucket.tokens = Math.max(bucket.tokens - taken, -rate.calls);
      if (running > 0) bucket.others.set(news.origin, { running, saidMs: nowMs });
      else bucket.others.delete(news.origin);
    }
    for (const count of news.tasks) this.#tasks.hear(count);
  }

  /** How many keys are being counted, at most. */
  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  #overBudget({ taskId, tool, effect, budget }: LimitFacts): Entered | null {
    if (!budget || taskId === "" || tool === "") return null;
    const { calls, writes } = this.#tasks.of(taskId);
    if (budget.calls !== undefined && calls >= budget.calls) return overBudget(`This task may make ${budget.calls} calls, and has.`);
    const isWrite = effect === "write" || effect === "destructive";
    if (isWrite && budget.writes !== undefined && writes >= budget.writes) return overBudget(`This task may make ${budget.writes} writes, and has.`);
    return null;
  }

  #bucket(key: string, { limit }: CompiledLimit, nowMs: number): Bucket {
    let bucket = this.#recent.get(key);
    if (!bucket) {
      bucket = this.#older.get(key) ?? newBucket(limit.rate, nowMs);
      if (this.#recent.size >= GENERATION) this.#turnOver();
      this.#recent.set(key, bucket);
    }
    if (limit.rate) refill(bucket, limit.rate, nowMs);
    return bucket;
  }

  /** Names of tools are the callers' choice, so there may be many: those that nobody asked for in a whole generation go, unless
   * a call is under way. */
  #turnOver(): void {
    const next = new Map<string, Bucket>();
    for (const [key, bucket] of this.#older) if (bucket.running > 0 && !this.#recent.has(key)) next.set(key, bucket);
    this.#older = this.#recent;
    this.#recent = next;
  }

  #take({ compiled, bucket }: Place, facts: LimitFacts): void {
    const { rate, concurrency } = compiled.limit;
    if (rate) {
      bucket.tokens--;
      bucket.untold++;
    }
    if (concurrency !== undefined) bucket.running++;
    this.#changed.add(limitKey(compiled, facts));
    // A tenth of a limit: more than that is not left to chance until the next round of news.
    if ((rate && bucket.untold * 10 >= rate.calls) || (concurrency !== undefined && (bucket.running - bucket.toldRunning) * 10 >= concurrency)) this.urgent = true;
  }

  #leaving(places: readonly Place[], facts: LimitFacts): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      for (const { compiled, bucket } of places) {
        if (compiled.limit.concurrency === undefined) continue;
        bucket.running--;
        this.#changed.add(limitKey(compiled, facts));
      }
    };
  }
}

function refusal({ limit }: CompiledLimit, bucket: Bucket, nowMs: number): Entered | null {
  const { id, rate, concurrency } = limit;
  const retryAfterMs = rate ? waitMs(bucket, rate) : 0;
  if (rate && retryAfterMs > 0) {
    const message = limit.message ?? `The limit of ${rate.calls} calls in ${rate.seconds} s per ${limit.per} is reached.`;
    return { ok: false, limitId: id, reason: "rate_limited", retryAfterMs, message };
  }
  if (concurrency === undefined || underWay(bucket, nowMs) < concurrency) return null;
  return { ok: false, limitId: id, reason: "concurrency", retryAfterMs: 0, message: limit.message ?? `The limit of ${concurrency} calls at once per ${limit.per} is reached.` };
}

const overBudget = (message: string): Entered => ({ ok: false, limitId: "", reason: "budget", retryAfterMs: 0, message });

const byId = (set: LimitSet): ReadonlyMap<string, CompiledLimit> => new Map(set.limits.map((compiled) => [compiled.limit.id, compiled]));

/** An id has no space. */
const idOf = (key: string): string => key.slice(0, key.indexOf(" "));
