import type { ExplainedInputs } from "./explain-inputs.ts";

/** What a decision rested on, a sentence each. */
export function inputsInWords(i: ExplainedInputs, call: Readonly<Record<string, unknown>>): string[] {
  return [...task(i, call), ...flow(i), ...approval(i, call), ...exception(i, call), ...handling(i)];
}

function task({ task: t }: ExplainedInputs, call: Readonly<Record<string, unknown>>): string[] {
  if (!call.task_id) return [];
  if (t === null) return [`Who opened task ${String(call.task_id)}, and for what, is not kept.`];
  const scope = [t.servers === null ? "any server" : `the servers ${t.servers.join(", ") || "none"}`, t.tools === null ? "any tool" : `the tools ${t.tools.join(", ") || "none"}`];
  const budget = [t.budget.calls === null ? "" : `${t.budget.calls} calls`, t.budget.writes === null ? "" : `${t.budget.writes} writes`].filter(Boolean);
  const opened = `Task ${t.taskId} of class ${t.class}${t.workItem ? ` for "${t.workItem}"` : ""} was opened by ${t.openedBy} at ${at(t.openedMs)}, is answered for by ${t.owner} and was open until ${at(t.expiresMs)}`;
  const closed = t.closedMs === null ? "" : `; ${t.closedBy} closed it at ${at(t.closedMs)}`;
  return [`${opened}${closed}.`, `Its scope was ${scope.join(" and ")}${budget.length ? `, within ${budget.join(" and ")}` : ""}.`];
}

function flow({ flow: values }: ExplainedInputs): string[] {
  return values.map(({ path, fromCallId, score }) => {
    const shape = score > 0 ? `, where the text around it was instruction-shaped by ${score.toFixed(2)} of 1` : "";
    return `The argument ${path} came out of ${fromCallId ? `the result of ${fromCallId}` : "a result that another worker relayed"}${shape}.`;
  });
}

function approval({ approval: a }: ExplainedInputs, call: Readonly<Record<string, unknown>>): string[] {
  if (!call.approval_id) return [];
  if (a === null) return [`Approval ${String(call.approval_id)} is named; what became of it is not kept.`];
  const asked = `Approval ${a.approvalId} was requested at ${at(a.requestedMs)}, for ${a.needed === 1 ? "one person" : `${a.needed} different people`} to agree by ${at(a.expiresMs)}.`;
  const said = a.decisions.map((d) => `${d.by} ${d.verdict === "deny" ? "denied" : "approved"} it at ${at(d.atMs)}${d.comment ? `: "${d.comment}"` : ""}.`);
  const end = a.usedMs !== null ? `It was used at ${at(a.usedMs)}.` : a.decisions.length === 0 ? "Nobody has decided it, as far as is recorded." : "It was not used, as far as is recorded.";
  return [asked, ...said, end];
}

function exception({ exception: e }: ExplainedInputs, call: Readonly<Record<string, unknown>>): string[] {
  if (!call.exception_id) return [];
  if (e === null) return [`Exception ${String(call.exception_id)} was used; who granted it is not kept.`];
  const scope = Object.entries(e.scope).map(([key, value]) => `${key === "taskId" ? "task" : key} ${value}`);
  const how = e.breakGlass ? `${e.approvedBy} broke the glass` : `${e.approvedBy} granted it`;
  const revoked = e.revokedMs === null ? "" : ` ${e.revokedBy} revoked it at ${at(e.revokedMs)}.`;
  return [`Exception ${e.exceptionId} was used: ${how} at ${at(e.grantedMs)} for ${scope.join(", ")} until ${at(e.expiresMs)}, because "${e.reason}".${revoked}`];
}

const done: Readonly<Record<string, string>> = {
  annotate: "was marked as untrusted data",
  redact: "was redacted",
  quarantine: "was kept back for a person to read",
  block: "was blocked",
};

function handling({ handling: { action, findings }, quarantine: q }: ExplainedInputs): string[] {
  const found = findings.length > 0 ? `: ${findings.join(", ")}` : "";
  const words = done[action] ? [`The result ${done[action]}${found}.`] : found ? [`The result was passed on${found}.`] : [];
  if (q === null) return words;
  const settled = { release: "released", redact: "released redacted", delete: "deleted" }[q.verdict];
  const end = settled ? `${q.settledBy} ${settled} it at ${at(q.settledMs ?? q.heldMs)}${q.comment ? `: "${q.comment}"` : ""}` : "nobody has settled it, as far as is recorded";
  return [...words, `It is kept as ${q.quarantineId} until ${at(q.expiresMs)}; ${end}.`];
}

/** A time that was never written is not 1970. */
const at = (ms: number): string => (ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : "an unknown time");
