import { callId } from "../record/call-record.ts";

export type Check = "spool" | "rows" | "calls" | "minutes" | "join" | "checkpoints";

/** One thing that is not as it was recorded. `record` is a call id, a checkpoint's, or the minute and server of a counter. */
export interface Failure {
  readonly check: Check;
  readonly record: string;
  readonly what: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly failures: readonly Failure[];
  /** True where a check stopped listing at its limit. */
  readonly truncated: boolean;
  /** Worth knowing, and no failure. */
  readonly notes: readonly string[];
  readonly spoolRecords: number;
  readonly storedRecords: number;
  readonly checkpoints: number;
  /** Calls that were let through while nothing could be recorded, as the register says itself. */
  readonly unrecordedCalls: number;
  readonly producers: readonly string[];
  readonly tookMs: number;
}

/** What the checks write into. Each check lists at most `limit` failures; the first ones say where to look. */
export class Findings {
  readonly limit: number;
  readonly failures: Failure[] = [];
  readonly notes: string[] = [];
  readonly producers = new Set<string>();
  truncated = false;
  spoolRecords = 0;
  storedRecords = 0;
  checkpoints = 0;
  unrecordedCalls = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  fail(check: Check, producer: string, seq: number | string, what: string): void {
    this.failAt(check, callId({ producer, seq: Number(seq) }), what);
  }

  failAt(check: Check, record: string, what: string): void {
    if (this.failures.filter((f) => f.check === check).length >= this.limit) this.truncated = true;
    else this.failures.push({ check, record, what });
  }

  note(text: string): void {
    this.notes.push(text);
  }

  report(tookMs: number): VerifyReport {
    const { failures, truncated, notes, spoolRecords, storedRecords, checkpoints, unrecordedCalls } = this;
    return {
      ok: failures.length === 0,
      failures,
      truncated,
      notes,
      spoolRecords,
      storedRecords,
      checkpoints,
      unrecordedCalls,
      producers: [...this.producers].sort(),
      tookMs,
    };
  }
}

export function describeReport(report: VerifyReport): string[] {
  const lines = report.failures.map((f) => `FAILED  ${f.record}  ${f.check}: ${f.what}`);
  if (report.truncated) lines.push("more failures were found than are listed");
  for (const note of report.notes) lines.push(`note: ${note}`);
  const seconds = (report.tookMs / 1000).toFixed(1);
  const verdict = report.ok ? "all is as it was recorded" : `${report.failures.length} failures`;
  const { storedRecords, spoolRecords, checkpoints, producers } = report;
  lines.push(`${verdict}: ${storedRecords} stored and ${spoolRecords} spooled records of ${producers.length} producers and ${checkpoints} checkpoints checked in ${seconds} s`);
  return lines;
}
