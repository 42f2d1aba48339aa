import { loadSql, type SqlParams } from "../../../collector/store/sql-file.ts";
import type { Store } from "../../../collector/store/client.ts";
import type { Window } from "../../schedule/job.ts";
import type { Touched } from "./blocks.ts";

const incidentsSql = loadSql(new URL("./incidents.sql", import.meta.url));
const findingsSql = loadSql(new URL("./incident-findings.sql", import.meta.url));
const callsSql = loadSql(new URL("./named-calls.sql", import.meta.url));

/** An incident that nobody ended would else keep what its agents do from ever being learnt. */
const mostSpanMs = 24 * 3_600_000;

/** What is not learnt: the tasks and calls that incidents are about, and what their agents did while these lasted. */
export interface LeftOut {
  incidents: readonly string[];
  calls: readonly string[];
  tasks: readonly string[];
  spans: readonly (Window & { agent: string })[];
  touched: readonly Touched[];
}

export const nothingLeftOut: LeftOut = { incidents: [], calls: [], tasks: [], spans: [], touched: [] };

export interface KnownIncident {
  id: string;
  markedMs: number;
  detectedMs: number;
  /** 0 where nobody contained, resolved or closed it yet. */
  endedMs: number;
  calls: readonly { callId: string; atMs: number; agent: string; taskId: string }[];
  findings: readonly { task: string; agent: string; windowStartMs: number }[];
}

/** Pure: what incidents keep from being learnt. */
export function leaveOut(incidents: readonly KnownIncident[]): LeftOut {
  const each = incidents.map((incident) => {
    const { calls, findings, markedMs, detectedMs, endedMs } = incident;
    const fromMs = Math.min(detectedMs, ...calls.map((c) => c.atMs), ...findings.map((f) => f.windowStartMs));
    const lastCallMs = Math.max(fromMs, ...calls.map((c) => c.atMs + 1));
    const toMs = Math.max(lastCallMs, Math.min(endedMs === 0 ? Infinity : endedMs, fromMs + mostSpanMs));
    const agents = new Set([...calls.map((c) => c.agent), ...findings.map((f) => f.agent)].filter((agent) => agent !== ""));
    return {
      calls: calls.map((c) => c.callId),
      tasks: [...calls.map((c) => c.taskId), ...findings.map((f) => f.task)].filter((task) => task !== ""),
      spans: [...agents].map((agent) => ({ agent, fromMs, toMs })),
      touched: { markedMs, fromMs, toMs },
    };
  });
  return {
    incidents: incidents.map((incident) => incident.id),
    calls: [...new Set(each.flatMap((one) => one.calls))],
    tasks: [...new Set(each.flatMap((one) => one.tasks))],
    spans: each.flatMap((one) => one.spans),
    touched: each.map((one) => one.touched),
  };
}

/** What the incidents of a stretch of time keep from being learnt, as far as it was known at `asOfMs`. */
export async function readLeftOut(store: Store, { fromMs, toMs, asOfMs }: Window & { asOfMs: number }): Promise<LeftOut> {
  const incidents = await store.query<{ incident_id: string; marked_ms: string; detected_ms: string; ended_ms: string; call_ids: string[]; finding_ids: string[] }>(incidentsSql, { from_ms: fromMs, as_of_ms: asOfMs });
  if (incidents.length === 0) return nothingLeftOut;
  const findingIds = [...new Set(incidents.flatMap((row) => row.finding_ids))];
  const findings =
    findingIds.length === 0
      ? []
      : await store.query<{ finding_id: string; task: string; agent: string; call_ids: string[]; window_start_ms: string }>(findingsSql, { finding_ids: findingIds });
  const idsOf = (row: { call_ids: string[]; finding_ids: string[] }): string[] => [...row.call_ids, ...findings.filter((f) => row.finding_ids.includes(f.finding_id)).flatMap((f) => f.call_ids)];
  const callIds = [...new Set(incidents.flatMap(idsOf))].filter((id) => /-\d+$/.test(id));
  const calls =
    callIds.length === 0
      ? []
      : await store.query<{ call_id: string; at_ms: string; agent: string; task_id: string }>(callsSql, {
          call_ids: callIds,
          seqs: callIds.map((id) => BigInt(id.slice(id.lastIndexOf("-") + 1))),
          from_ms: fromMs,
          to_ms: toMs,
        });
  return leaveOut(
    incidents.map((row) => ({
      id: row.incident_id,
      markedMs: Number(row.marked_ms),
      detectedMs: Number(row.detected_ms),
      endedMs: Number(row.ended_ms),
      calls: calls.filter((c) => idsOf(row).includes(c.call_id)).map((c) => ({ callId: c.call_id, atMs: Number(c.at_ms), agent: c.agent, taskId: c.task_id })),
      findings: findings.filter((f) => row.finding_ids.includes(f.finding_id)).map((f) => ({ task: f.task, agent: f.agent, windowStartMs: Number(f.window_start_ms) })),
    })),
  );
}

export function leftOutParams({ calls, tasks, spans }: LeftOut): SqlParams {
  return {
    left_out_calls: calls,
    left_out_tasks: tasks,
    left_out_agents: spans.map((s) => s.agent),
    left_out_from_ms: spans.map((s) => s.fromMs),
    left_out_to_ms: spans.map((s) => s.toMs),
  };
}

/** Whether a piece of work is not learnt, as the counts leave it out. */
export function isLeftOut({ calls, tasks, spans }: LeftOut, work: { agent: string; taskId: string; callIds: readonly string[]; timesMs: readonly number[] }): boolean {
  return (
    tasks.includes(work.taskId) ||
    work.callIds.some((id) => calls.includes(id)) ||
    spans.some((s) => s.agent === work.agent && work.timesMs.some((ms) => ms >= s.fromMs && ms < s.toMs))
  );
}
