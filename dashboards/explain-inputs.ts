import { num, select, type Store } from "./rows.ts";

/** What a decision rested on besides rules and registry, as it was recorded: times are Unix milliseconds, null is "never". */
export interface ExplainedInputs {
  readonly agent: string;
  readonly principal: string;
  readonly delegation: readonly string[];
  readonly credentialId: string;
  /** Null: the call named no task, or its events are not in the store. */
  readonly task: ExplainedTask | null;
  /** Arguments whose value came out of an earlier result; `fromCallId` is empty where another worker relayed that. */
  readonly flow: readonly { readonly path: string; readonly fromCallId: string; readonly score: number }[];
  readonly handling: { readonly action: string; readonly findings: readonly string[] };
  readonly approval: ExplainedApproval | null;
  readonly exception: ExplainedException | null;
  readonly quarantine: ExplainedQuarantine | null;
}

export interface ExplainedTask {
  readonly taskId: string;
  readonly class: string;
  readonly owner: string;
  readonly agent: string;
  readonly principal: string;
  readonly workItem: string;
  /** Null: any that policy allows. */
  readonly servers: readonly string[] | null;
  readonly tools: readonly string[] | null;
  readonly budget: { readonly calls: number | null; readonly writes: number | null };
  readonly openedMs: number;
  readonly openedBy: string;
  readonly expiresMs: number;
  readonly closedMs: number | null;
  readonly closedBy: string;
}

export interface ExplainedApproval {
  readonly approvalId: string;
  readonly message: string;
  readonly needed: number;
  readonly requestedMs: number;
  readonly expiresMs: number;
  readonly decisions: readonly { readonly by: string; readonly atMs: number; readonly verdict: string; readonly comment: string }[];
  readonly usedMs: number | null;
}

export interface ExplainedException {
  readonly exceptionId: string;
  readonly scope: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly breakGlass: boolean;
  readonly approvedBy: string;
  readonly grantedMs: number;
  readonly expiresMs: number;
  readonly revokedMs: number | null;
  readonly revokedBy: string;
}

export interface ExplainedQuarantine {
  readonly quarantineId: string;
  readonly heldMs: number;
  readonly expiresMs: number;
  readonly verdict: string;
  readonly settledBy: string;
  readonly settledMs: number | null;
  readonly comment: string;
}

/** One event of the control journal, as the store has it. */
export interface ControlRow {
  readonly at_ms: unknown;
  readonly by: string;
  readonly kind: string;
  /** The event, whole. */
  readonly json: string;
}

/** Reads the events that a call points at. A store that has none yet gives inputs without them. */
export async function explainInputs(store: Store, call: Readonly<Record<string, unknown>>): Promise<ExplainedInputs> {
  const rows = await select<ControlRow>(store, "explain-control", {
    task_id: text(call.task_id),
    approval_id: text(call.approval_id),
    exception_id: text(call.exception_id),
    agent: text(call.agent),
    quarantine_id: keptId(call),
    result_digest: call.handling === "quarantine" ? text(call.result_digest) : "",
  });
  return inputsOf(call, rows);
}

/** Pure. `rows` in the order of the journal. */
export function inputsOf(call: Readonly<Record<string, unknown>>, rows: readonly ControlRow[]): ExplainedInputs {
  const events = rows.map((row) => ({ by: row.by, atMs: num(row.at_ms), ...parsed(row.json), kind: row.kind }));
  return {
    agent: text(call.agent),
    principal: text(call.principal),
    delegation: list(call.delegation),
    credentialId: text(call.credential_id),
    task: taskOf(events, text(call.task_id)),
    flow: flowOf(call),
    handling: { action: text(call.handling), findings: list(call.handling_findings) },
    approval: approvalOf(events, text(call.approval_id)),
    exception: exceptionOf(events, text(call.exception_id)),
    quarantine: quarantineOf(events, text(call.task_id)),
  };
}

type Fields = Readonly<Record<string, unknown>>;
type Event = Fields & { readonly by: string; readonly atMs: number; readonly kind: string };

function taskOf(events: readonly Event[], taskId: string): ExplainedTask | null {
  const opened = events.find((e) => e.kind === "task.opened" && fields(e.task).taskId === taskId);
  if (!opened || taskId === "") return null;
  const task = fields(opened.task);
  const budget = fields(task.budget);
  const closed = events.find((e) => e.kind === "task.closed" && e.taskId === taskId);
  return {
    taskId,
    class: text(task.class),
    owner: text(task.owner),
    agent: text(task.agent),
    principal: text(task.principal),
    workItem: text(task.workItem),
    servers: task.servers === undefined ? null : list(task.servers),
    tools: task.tools === undefined ? null : list(task.tools),
    budget: { calls: numberOrNull(budget.calls), writes: numberOrNull(budget.writes) },
    openedMs: opened.atMs,
    openedBy: opened.by,
    expiresMs: num(task.expiresMs),
    closedMs: closed?.atMs ?? null,
    closedBy: closed?.by ?? "",
  };
}

function approvalOf(events: readonly Event[], approvalId: string): ExplainedApproval | null {
  const requested = events.find((e) => e.kind === "approval.requested" && fields(e.approval).approvalId === approvalId);
  if (!requested || approvalId === "") return null;
  const approval = fields(requested.approval);
  const own = events.filter((e) => e.approvalId === approvalId);
  return {
    approvalId,
    message: text(approval.message),
    needed: num(approval.needed),
    requestedMs: requested.atMs,
    expiresMs: num(approval.expiresMs),
    decisions: own.filter((e) => e.kind === "approval.decided").map((e) => ({ by: e.by, atMs: e.atMs, verdict: text(e.verdict), comment: text(e.comment) })),
    usedMs: own.find((e) => e.kind === "approval.used")?.atMs ?? null,
  };
}

function exceptionOf(events: readonly Event[], exceptionId: string): ExplainedException | null {
  const granted = events.find((e) => e.kind === "exception.granted" && fields(e.exception).exceptionId === exceptionId);
  if (!granted || exceptionId === "") return null;
  const exception = fields(granted.exception);
  const revoked = events.find((e) => e.kind === "exception.revoked" && e.exceptionId === exceptionId);
  return {
    exceptionId,
    scope: Object.fromEntries(Object.entries(fields(exception.scope)).map(([key, value]) => [key, text(value)])),
    reason: text(exception.reason),
    breakGlass: exception.breakGlass === true,
    approvedBy: text(exception.approvedBy),
    grantedMs: granted.atMs,
    expiresMs: num(exception.expiresMs),
    revokedMs: revoked?.atMs ?? null,
    revokedBy: revoked?.by ?? "",
  };
}

/** A record that was answered with a kept result names it among its findings. */
function keptId(call: Fields): string {
  return list(call.handling_findings).flatMap((finding) => /^(?:released|redacted|held|deleted):(q-[0-9a-z]+)$/.exec(finding)?.[1] ?? [])[0] ?? "";
}

/** Any other names none; its result is the one of the same task with the same digest. */
function quarantineOf(events: readonly Event[], taskId: string): ExplainedQuarantine | null {
  const held = events.find((e) => e.kind === "quarantine.held" && fields(e.item).taskId === taskId);
  if (!held) return null;
  const item = fields(held.item);
  const settled = events.filter((e) => e.kind === "quarantine.settled" && e.quarantineId === item.quarantineId).at(-1);
  return {
    quarantineId: text(item.quarantineId),
    heldMs: held.atMs,
    expiresMs: num(item.expiresMs),
    verdict: text(settled?.verdict),
    settledBy: settled?.by ?? "",
    settledMs: settled?.atMs ?? null,
    comment: text(settled?.comment),
  };
}

function flowOf(call: Fields): ExplainedInputs["flow"] {
  const paths = list(call.arg_paths);
  const from = Array.isArray(call.arg_flow_from) ? call.arg_flow_from.map(num) : [];
  const scores = Array.isArray(call.arg_flow_scores) ? call.arg_flow_scores.map(num) : [];
  return paths.flatMap((path, i) => {
    const seq = from[i] ?? 0;
    const score = scores[i] ?? 0;
    return seq === 0 && score === 0 ? [] : [{ path, fromCallId: seq === 0 ? "" : `${text(call.producer)}-${seq}`, score }];
  });
}

function parsed(json: string): Fields {
  try {
    return fields(JSON.parse(json));
  } catch {
    return {};
  }
}

const fields = (value: unknown): Fields => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {});
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);
const numberOrNull = (value: unknown): number | null => (typeof value === "number" ? value : null);
const text = (v: unknown): string => (typeof v === "string" ? v : v === null || v === undefined ? "" : String(v));
