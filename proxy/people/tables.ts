import { showable } from "../../collector/sql/terminal.ts";
import { safeLine } from "./safe-text.ts";
import { scopeWords, type ApprovalView, type ExceptionView, type QuarantineView } from "./views.ts";

/** Rows and lines for a terminal. Names, messages and results are other people's text: nothing in them is obeyed. */
export type Rows = readonly (readonly string[])[];

/** As the API gives it: text that was made safe there. */
export interface PlainText {
  readonly text: string;
  readonly hidden: number;
  readonly truncated: boolean;
}

const CELL = 48;
const cell = (text: string | null): string => (text === null || text === "" ? "-" : safeLine(text, CELL));

export function approvalRows(approvals: readonly ApprovalView[], nowMs: number): Rows {
  const heading = ["id", "state", "agent", "for", "server", "tool", "effect", "risk", "agreed", "left", "why"];
  const rows = approvals.map((a) => [a.approvalId, a.status, a.agent, a.principal, a.server, a.tool, a.effect, a.riskTier, `${a.approvedBy.length}/${a.needed}`, a.status === "pending" ? left(a.expiresAt, nowMs) : "-", a.message]);
  return [heading, ...rows.map((row) => row.map(cell))];
}

export function exceptionRows(exceptions: readonly ExceptionView[], nowMs: number): Rows {
  const heading = ["id", "state", "scope", "granted by", "kind", "left", "reason"];
  const rows = exceptions.map((e) => [e.exceptionId, e.status, scopeWords(e.scope), e.approvedBy, e.breakGlass ? "break-glass" : "exception", e.status === "active" ? left(e.expiresAt, nowMs) : "-", e.reason]);
  return [heading, ...rows.map((row) => row.map((text, i) => (i === 2 ? safeLine(text, 120) : cell(text))))];
}

export function quarantineRows(items: readonly QuarantineView[], nowMs: number): Rows {
  const heading = ["id", "state", "agent", "server", "tool", "bytes", "left", "findings"];
  const rows = items.map((q) => [q.quarantineId, q.status, q.agent, q.server, q.tool, String(q.bytes), q.status === "deleted" || q.status === "expired" ? "-" : left(q.expiresAt, nowMs), q.findings.join(", ")]);
  return [heading, ...rows.map((row) => row.map(cell))];
}

export function approvalLines(a: ApprovalView & { readonly arguments: PlainText | null }, nowMs: number): string[] {
  const who = a.principal === a.agent ? a.agent : `${a.agent} for ${a.principal}`;
  const agreed = a.approvedBy.length === 0 ? "nobody yet" : a.approvedBy.join(", ");
  return [
    ...facts([
      ["approval", a.approvalId],
      ["state", a.status === "pending" ? `pending, ${left(a.expiresAt, nowMs)} left, then it is denied` : a.status],
      ["who", who],
      ["task", a.taskId],
      ["wants", `${a.tool} of ${a.server} ${a.serverVersion}`],
      ["effect", `${a.effect || "none known"}, risk tier ${a.riskTier || "unset"}`],
      ["held by", a.policyIds.join(", ")],
      ["why", a.message],
      ["agreed", `${agreed} (${a.needed} needed)`],
      ["denied by", a.deniedBy],
      ["requested", a.requestedAt],
      ["expires", a.expiresAt],
      ["used", a.usedAt],
    ]),
    ...content("arguments", a.arguments),
  ];
}

export function quarantineLines(q: QuarantineView & { readonly content: PlainText | null }): string[] {
  return [
    ...facts([
      ["result", q.quarantineId],
      ["state", q.settledBy === null ? q.status : `${q.status} by ${q.settledBy}`],
      ["for", q.principal === q.agent ? q.agent : `${q.agent} for ${q.principal}`],
      ["task", q.taskId],
      ["from", `${q.tool} of ${q.server}`],
      ["findings", q.findings.join(", ")],
      ["bytes", String(q.bytes)],
      ["held", q.heldAt],
      ["expires", q.expiresAt],
    ]),
    ...content("content", q.content),
  ];
}

function facts(pairs: readonly (readonly [string, string | null])[]): string[] {
  const told = pairs.filter((pair): pair is [string, string] => pair[1] !== null && pair[1] !== "");
  const width = Math.max(...told.map(([label]) => label.length));
  return told.map(([label, value]) => `${label.padEnd(width)}  ${safeLine(value, 500)}`);
}

function content(label: string, text: PlainText | null): string[] {
  if (text === null) return ["", `${label}: not kept, or not any more`];
  const notes = [text.hidden > 0 ? `${text.hidden} hidden characters made visible` : "", text.truncated ? "there is more than is shown" : ""].filter(Boolean);
  return ["", `${label}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}:`, ...text.text.split("\n").map((line) => `  | ${showable(line)}`)];
}

/** Until a time, in its two largest units. */
export function left(until: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((Date.parse(until) - nowMs) / 1000));
  if (!Number.isFinite(seconds)) return "-";
  const [d, h, m, s] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  if (d > 0) return h > 0 ? `${d} d ${h} h` : `${d} d`;
  if (h > 0) return m > 0 ? `${h} h ${m} min` : `${h} h`;
  return m > 0 ? `${m} min` : `${s} s`;
}
