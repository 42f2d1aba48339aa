import type { Store } from "../store/client.ts";
import { loadSql } from "../store/sql-file.ts";
import { describeUnrecorded, type UnrecordedCalls } from "./unrecorded.ts";
import { scopeParams, type Scope } from "./verify-chains.ts";
import type { Findings } from "./verify-report.ts";

const unrecordedSql = loadSql(new URL("./verify-unrecorded.sql", import.meta.url));
const MAX_ROWS = 1000;

export type Unrecorded = Pick<UnrecordedCalls, "server" | "agent" | "decision" | "calls" | "atLeast" | "firstUs" | "lastUs">;

/** No failure of the register, which says so itself; but what it says is that it does not hold everything. */
export function noteUnrecorded(findings: Findings, producer: string, calls: Unrecorded): void {
  findings.unrecordedCalls += calls.calls;
  findings.note(`${producer}: ${describeUnrecorded(calls, iso(calls.firstUs), iso(calls.lastUs))}`);
}

export async function verifyUnrecorded(store: Store, scope: Scope, findings: Findings): Promise<void> {
  type Row = Record<"producer" | "server" | "agent" | "first_us" | "last_us", string> & { decision: Unrecorded["decision"]; calls: number; at_least: number };
  const rows = await store.query<Row>(unrecordedSql, { since: scopeParams(scope).since, producer: scope.producer, limit: MAX_ROWS });
  for (const { producer, server, agent, decision, calls, at_least, first_us, last_us } of rows) {
    noteUnrecorded(findings, producer, { server, agent, decision, calls, atLeast: at_least === 1, firstUs: Number(first_us), lastUs: Number(last_us) });
  }
  if (rows.length === MAX_ROWS) findings.note("more calls were let through unrecorded than are listed");
}

const iso = (us: number): string => new Date(us / 1000).toISOString();
