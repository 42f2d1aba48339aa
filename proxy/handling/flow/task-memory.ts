import type { Effect } from "../../../collector/record/call-record.ts";
import type { TaskHistory } from "../../policy/decision.ts";
import { FlowTable, type Lost } from "./flow-table.ts";

/** What rules may ask of a task's past. */
export type TaskFacts = Pick<TaskHistory, "tainted" | "taintScore" | "readDomains" | "callsInTask" | "writesInTask">;

const MAX_DOMAINS = 64;
/** Of the agent's own arguments, no more are told apart from what it read. */
const MAX_OWN = 1024;
const unknownPast: Lost = Object.freeze({ score: 0, untrusted: true });

/** What one worker knows of one task. */
export class TaskMemory {
  tainted = false;
  taintScore = 0;
  calls = 0;
  writes = 0;
  lastUsedMs: number;
  /** A result held an instruction with names or quotes in it. */
  hasPhrases = false;
  /** Of results. */
  readonly values: FlowTable;
  /** Arguments, by the digests of their leaves, that nothing the task had read accounted for: it was told them. */
  readonly own = new FlowTable(MAX_OWN);
  #domains: readonly string[] = [];
  #facts: TaskFacts | null = null;
  #pastUnknown: boolean;

  /** `pastUnknown`: it may have read anything before this worker knew of it, and counts as tainted. */
  constructor(maxValues: number, nowMs: number, pastUnknown: boolean) {
    this.values = new FlowTable(maxValues);
    this.lastUsedMs = nowMs;
    this.#pastUnknown = pastUnknown;
  }

  get pastUnknown(): boolean {
    return this.#pastUnknown;
  }

  get bytes(): number {
    return this.values.bytes + this.own.bytes;
  }

  /** Others have told all there was. */
  pastKnown(): void {
    this.#pastUnknown = false;
    this.#facts = null;
  }

  /** What counts for a value that no result is known to have shown. */
  get unknownValue(): Lost | null {
    return this.values.lost ?? (this.#pastUnknown ? unknownPast : null);
  }

  get domains(): readonly string[] {
    return this.#domains;
  }

  noteCall(effect: Effect | ""): void {
    this.addCounts(1, effect === "read" ? 0 : 1);
  }

  addCounts(calls: number, writes: number): void {
    this.calls += calls;
    this.writes += writes;
    this.#facts = null;
  }

  taint(score: number): void {
    if (this.tainted && score <= this.taintScore) return;
    this.tainted = true;
    this.taintScore = Math.max(this.taintScore, score);
    this.#facts = null;
  }

  /** True where one of them is new. */
  read(domains: readonly string[]): boolean {
    if (domains.every((domain) => this.#domains.includes(domain)) || this.#domains.length >= MAX_DOMAINS) return false;
    this.#domains = [...new Set([...this.#domains, ...domains])].slice(0, MAX_DOMAINS);
    this.#facts = null;
    return true;
  }

  facts(): TaskFacts {
    return (this.#facts ??= Object.freeze({
      tainted: this.tainted || this.#pastUnknown,
      taintScore: this.taintScore,
      readDomains: this.#domains,
      callsInTask: this.calls,
      writesInTask: this.writes,
    }));
  }
}
