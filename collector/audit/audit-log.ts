import type { DraftRecord } from "../record/call-record.ts";
import type { Stoppable } from "../kernel/lifecycle.ts";

/**
 * Where a worker writes its records before it answers. `append` gives the draft its sequence number and its place in the
 * hash chain at once, in call order; `durable` settles when the line is on disk. It throws SignalboxError
 * `E_AUDIT_UNAVAILABLE` at once when the spool is full or its disk has failed: the caller then refuses the call.
 */
export interface AuditLog extends Stoppable {
  readonly producer: string;
  append(draft: DraftRecord): { readonly seq: number; readonly durable: Promise<void> };
  /**
   * Writes ahead that a call is about to be forwarded, and resolves when that is durable. Pass the returned intent's
   * `settle` the moment the call's record was appended. Intents that a crash left unsettled become records with outcome
   * `interrupted` when the spool is opened again.
   */
  intend(draft: DraftRecord): Promise<Intent>;
  /**
   * Counts a call that goes on although it could not be recorded. As soon as records are taken again, one for each agent and
   * server says how many there were and when. `retainedAs` is the number of a record that was appended and did not become
   * durable: it follows later, and is counted only if it can't.
   */
  letThrough(draft: DraftRecord, retainedAs?: number): void;
  /** False while appends would be refused: a worker asks before it forwards anything. */
  readonly available: boolean;
}

export interface Intent {
  settle(): void;
}
