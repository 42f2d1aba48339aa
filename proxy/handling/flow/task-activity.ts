import type { ArgumentLeaf, Effect } from "../../../collector/record/call-record.ts";
import type { Digester } from "../../relay/digest.ts";
import { argumentLeaves } from "../../relay/leaves.ts";
import type { Control } from "../../state/command.ts";
import { findDirectives } from "./directives.ts";
import { FlowTrace } from "./flow-trace.ts";
import { FLOW_TOPIC, allOf, learn, packValues, readMessage, type FlowMessage, type TaskNews } from "./gossip.ts";
import { taskIdOf } from "./task-key.ts";
import { TaskMemory, type TaskFacts } from "./task-memory.ts";
import { INSTRUCTION, extractValues, mayHoldValues, type ScoredSpan } from "./values.ts";

/** Without a task there is no end that anybody tells: what an agent read fades when it has been idle for so long. */
export const IDLE_MS = 30 * 60_000;
/** Counts of calls are told to the others at most so often; what decides about safety is told at once. */
const COUNTS_EVERY_MS = 100;
/** Tasks in one message to a worker that starts. */
const WHOLE_CHUNK = 64;

export interface ActivityLimits {
  /** Tasks that are remembered; the least recently used ones go first. */
  readonly tasks: number;
  /** Values that are remembered of one task. */
  readonly valuesPerTask: number;
  /** Of all tables together. */
  readonly bytes: number;
}
export const defaultLimits: ActivityLimits = { tasks: 20_000, valuesPerTask: 2048, bytes: 64 * 1024 * 1024 };

export interface TaskActivityOptions {
  readonly digester: Digester;
  /** How the workers hear of each other; absent where there is one alone. */
  readonly control?: Pick<Control, "gossip" | "onGossip">;
  /** This process, in the words of the others; unlike any of theirs. */
  readonly self: string;
  readonly startedMs: number;
  /** When a task was opened, in Unix milliseconds; undefined where that is not known. */
  readonly openedMs?: (taskId: string) => number | undefined;
  readonly limits?: Partial<ActivityLimits>;
}

/** One piece of text that an agent was given. */
export interface ResultText {
  readonly text: string;
  /** What the scanner said of it; empty where nothing in it reads as an instruction. */
  readonly spans: readonly ScoredSpan[];
}

export interface ReadResult {
  /** Of the call's record: what `flowFromSeq` of later calls will say. */
  readonly seq: number;
  /** Nobody else can write into what the tool returns. */
  readonly trusted: boolean;
  readonly dataDomains: readonly string[];
  /** As the agent gets it: what was redacted or kept back has not been read. */
  readonly texts: readonly ResultText[];
}

export interface CallFlow {
  readonly leaves: ArgumentLeaf[];
  readonly flowUntrusted: boolean;
  readonly flowScore: number;
}

/** What the others have not heard of a task yet. `own`: digests of its own arguments, as pairs of halves. */
interface Untold {
  calls: number;
  writes: number;
  readonly own: number[];
}

const noFacts: TaskFacts = Object.freeze({ tainted: false, taintScore: 0, readDomains: Object.freeze([]), callsInTask: 0, writesInTask: 0 });
const unknownFacts: TaskFacts = Object.freeze({ ...noFacts, tainted: true });

/**
 * What tasks have done and read, as far as it decides about their next call: one in every worker, and one in the primary,
 * which makes no calls and remembers for a worker that starts again. No value is kept, only 64-bit keyed digests.
 */
export class TaskActivity {
  readonly #digester: Digester;
  readonly #control: TaskActivityOptions["control"];
  readonly #self: string;
  readonly #openedMs: (taskId: string) => number | undefined;
  readonly #limits: ActivityLimits;
  /** In the order of last use. */
  readonly #tasks = new Map<string, TaskMemory>();
  /** The last of them. */
  #latest = "";
  readonly #untold = new Map<string, Untold>();
  readonly #unsubscribe: () => void;
  #bytes = 0;
  #toldMs = 0;
  /** A task that was opened earlier than this and is not known may have read anything. */
  #wholeSinceMs: number;
  /** The same for agents without a task: until this time, one that is not known may have read anything. */
  #agentsUnknownUntilMs = 0;

  constructor(options: TaskActivityOptions) {
    this.#digester = options.digester;
    this.#control = options.control;
    this.#self = options.self;
    this.#openedMs = options.openedMs ?? (() => undefined);
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#wholeSinceMs = options.startedMs;
    this.#unsubscribe = options.control?.onGossip(FLOW_TOPIC, (message) => this.#hear(message)) ?? (() => {});
    this.#say({ kind: "ask", from: this.#self });
  }

  get size(): number {
    return this.#tasks.size;
  }

  /** Of the tables of values. */
  get bytes(): number {
    return this.#bytes;
  }

  facts(key: string, nowMs: number): TaskFacts {
    const task = this.#known(key, nowMs);
    if (task !== undefined) return task.facts();
    return this.#isUnknown(key, nowMs) ? unknownFacts : noFacts;
  }

  /**
   * The leaves of a call's arguments, each with the earlier result of the task that its value came from. An argument that
   * nothing the task has read accounts for is the agent's own from now on: a result that names it later adds nothing.
   */
  flowOf(key: string, args: unknown, nowMs: number): CallFlow {
    const task = this.#used(key, nowMs);
    const bytes = task.bytes;
    const trace = new FlowTrace(task, this.#digester);
    const leaves = argumentLeaves(args, this.#digester, (value, leaf) => trace.follow(value, leaf));
    this.#resized(task, bytes);
    if (this.#control && trace.own.length > 0) this.#untoldOf(key).own.push(...trace.own);
    return { leaves, flowUntrusted: trace.untrusted, flowScore: trace.score };
  }

  /** A call of the task went through to its server. */
  noteCall(key: string, effect: Effect | "", nowMs: number): void {
    this.#used(key, nowMs).noteCall(effect);
    if (!this.#control) return;
    const untold = this.#untoldOf(key);
    untold.calls++;
    if (effect !== "read") untold.writes++;
    if (effect !== "read" || nowMs - this.#toldMs >= COUNTS_EVERY_MS) this.flush(nowMs);
  }

  /** Tells the others what they have not heard yet; for a timer, so that the last calls before a pause count too. */
  flush(nowMs: number): void {
    this.#toldMs = nowMs;
    for (const key of this.#untold.keys()) this.#tell({ key, atMs: nowMs });
  }

  /**
   * The agent is about to be given a result. To be called before that: its next call may reach another worker, and what
   * is told here is there first.
   */
  noteResult(key: string, result: ReadResult, nowMs: number): void {
    const task = this.#used(key, nowMs);
    const untrusted = !result.trusted;
    const news: { -readonly [K in keyof TaskNews]: TaskNews[K] } = { key, atMs: nowMs };
    const bytes = task.bytes;
    const added: number[] = [];
    for (const { text, spans } of result.texts) {
      if (!task.hasPhrases && spans.some((span) => span.score >= INSTRUCTION)) task.hasPhrases = news.phrases = true;
      if (untrusted && text !== "") {
        const worst = spans.reduce((max, span) => Math.max(max, span.score), 0);
        if (!task.tainted || worst > task.taintScore) news.taint = worst;
        task.taint(worst);
      }
      for (const { text: value, score } of extractValues(text, spans, untrusted && mayHoldValues(text) ? findDirectives(text) : [])) {
        const { high, low } = this.#digester.fleeting(value);
        if (task.values.add(high, low, { seq: result.seq, score, untrusted })) added.push(high, low);
      }
    }
    if (task.read(result.dataDomains)) news.domains = result.dataDomains;
    this.#resized(task, bytes);
    if (!this.#control || (added.length === 0 && news.taint === undefined && news.domains === undefined)) return;
    if (added.length > 0) news.values = packValues(task.values.entriesOf(added));
    this.#tell(news);
  }

  /** A task that is closed makes no more calls. */
  forget(taskId: string): void {
    const key = `task:${taskId}`;
    this.#remove(key);
    this.#untold.delete(key);
  }

  stop(): void {
    this.#unsubscribe();
  }

  #known(key: string, nowMs: number): TaskMemory | undefined {
    const task = this.#tasks.get(key);
    if (task === undefined || taskIdOf(key) !== null || nowMs - task.lastUsedMs <= IDLE_MS) return task;
    this.#remove(key);
    return undefined;
  }

  #used(key: string, nowMs: number): TaskMemory {
    let task = this.#known(key, nowMs);
    const isLatest = task !== undefined && key === this.#latest;
    if (task === undefined) task = new TaskMemory(this.#limits.valuesPerTask, nowMs, this.#isUnknown(key, nowMs));
    else if (!isLatest) this.#tasks.delete(key);
    task.lastUsedMs = Math.max(task.lastUsedMs, nowMs);
    if (isLatest) return task;
    this.#latest = key;
    this.#tasks.set(key, task);
    if (this.#tasks.size > this.#limits.tasks) this.#evict(nowMs);
    return task;
  }

  #isUnknown(key: string, nowMs: number): boolean {
    const taskId = taskIdOf(key);
    if (taskId === null) return nowMs < this.#agentsUnknownUntilMs;
    const openedMs = this.#openedMs(taskId);
    return openedMs !== undefined && openedMs < this.#wholeSinceMs;
  }

  /** Whoever is let go while tainted must not come back clean: from now on, who is not known counts as tainted. */
  #evict(nowMs: number): void {
    for (const [key, task] of this.#tasks) {
      this.#remove(key);
      const isAgent = taskIdOf(key) === null;
      if (!task.tainted) return;
      if (!isAgent) this.#wholeSinceMs = nowMs;
      else if (nowMs - task.lastUsedMs <= IDLE_MS) this.#agentsUnknownUntilMs = nowMs + IDLE_MS;
      return;
    }
  }

  #remove(key: string): void {
    this.#bytes -= this.#tasks.get(key)?.bytes ?? 0;
    this.#tasks.delete(key);
  }

  /** Tables that have not been asked for longest are emptied first, until all together fit. */
  #resized(task: TaskMemory, before: number): void {
    this.#bytes += task.bytes - before;
    if (this.#bytes <= this.#limits.bytes) return;
    for (const other of this.#tasks.values()) {
      if (other === task) continue;
      this.#bytes -= other.bytes;
      other.values.drop();
      other.own.drop();
      if (this.#bytes <= this.#limits.bytes * 0.9) return;
    }
  }

  #untoldOf(key: string): Untold {
    let untold = this.#untold.get(key);
    if (untold === undefined) this.#untold.set(key, (untold = { calls: 0, writes: 0, own: [] }));
    return untold;
  }

  /** Whatever else there is to tell of the task goes along. */
  #tell(news: TaskNews): void {
    const untold = this.#untold.get(news.key);
    this.#untold.delete(news.key);
    if (untold === undefined) return this.#say({ kind: "news", news });
    const own = untold.own.length === 0 ? undefined : this.#tasks.get(news.key)?.own.entriesOf(untold.own);
    const { calls, writes } = untold;
    this.#say({ kind: "news", news: { ...news, ...(calls > 0 ? { calls, writes } : {}), ...(own ? { own: packValues(own) } : {}) } });
  }

  #say(message: FlowMessage): void {
    this.#control?.gossip(FLOW_TOPIC, message);
  }

  #hear(raw: unknown): void {
    const message = readMessage(raw);
    if (message === null) return;
    if (message.kind === "news") this.#learn(message.news, false);
    else if (message.kind === "ask") this.#tellAll(message.from);
    else if (message.to === this.#self) {
      for (const news of message.tasks) this.#learn(news, true);
      if (message.last) this.#isWholeSince(message.sinceMs);
    }
  }

  #learn(news: TaskNews, whole: boolean): void {
    const task = this.#used(news.key, news.atMs);
    const bytes = task.bytes;
    learn(task, news, whole);
    this.#resized(task, bytes);
  }

  #isWholeSince(sinceMs: number): void {
    if (sinceMs >= this.#wholeSinceMs) return;
    this.#wholeSinceMs = sinceMs;
    for (const [key, task] of this.#tasks) if (task.pastUnknown && !this.#isUnknown(key, task.lastUsedMs)) task.pastKnown();
  }

  #tellAll(to: string): void {
    const chunk: TaskNews[] = [];
    const say = (last: boolean): void => this.#say({ kind: "whole", to, sinceMs: this.#wholeSinceMs, tasks: chunk.splice(0), last });
    for (const [key, task] of this.#tasks) {
      if (chunk.push(allOf(key, task)) === WHOLE_CHUNK) say(false);
    }
    say(true);
  }
}
