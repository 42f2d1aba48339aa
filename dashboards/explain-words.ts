import type { Explanation } from "./explain.ts";
import { inputsInWords } from "./explain-inputs-words.ts";

/** What a reason code means, to somebody who has not read the source. */
const reasons: Readonly<Record<string, string>> = {
  rule: "a rule decided",
  no_rule: "no rule matched, and what no rule allows is refused",
  rule_error: "a rule's condition could not be evaluated, which counts as a refusal",
  unauthenticated: "the caller did not prove who it is",
  token_invalid: "the access token is none that an accepted issuer vouches for",
  token_expired: "the access token had expired",
  token_audience: "the access token was issued for something else than this server",
  insufficient_scope: "the access token lacks a scope that this call needs",
  identity_unavailable: "the issuer of the access token could not be asked",
  unknown_server: "no such server is registered",
  server_not_approved: "the server is not approved for this environment",
  server_retired: "the server is retired",
  task_class_not_approved: "the server is not approved for this kind of task",
  malformed: "the message could not be read",
  too_large: "the message was larger than allowed",
  unsupported_version: "the protocol revision is not supported",
  header_mismatch: "the headers and the message disagreed",
  bad_origin: "the request came from a page of another site",
  session_mismatch: "the session belongs to somebody else",
  method_not_allowed: "the method is not allowed here",
  overloaded: "the proxy was at its limit",
  audit_unavailable: "the audit record could not be kept, and no call goes unrecorded",
  out_of_scope: "the caller's credential is not for this server or tool",
  stopped: "somebody had stopped this agent, server, tool or task",
  task_closed: "the task was closed",
  task_expired: "the task had expired",
  task_scope: "the task is not for this server or tool",
  budget: "the task had used up its budget",
  rate_limited: "there were more calls in a time than a limit allows",
  concurrency: "there were more calls at once than a limit allows",
  approval_required: "a person has to approve it first",
  approval_denied: "a person was asked and did not approve it",
  exception: "policy would have refused it, and a person granted an exception",
  definition_changed: "the tool is no longer what was approved",
  server_sunset: "the server's last day has passed",
};

const verbs: Readonly<Record<string, string>> = { allow: "was allowed", deny: "was denied", hold: "was held for a person" };

/** The decision in words, each sentence from recorded facts only. */
export function inWords(e: Omit<Explanation, "words">): string[] {
  const c = e.call;
  const s = (key: string): string => String(c[key] ?? "");
  const target = [s("server"), s("tool") || s("prompt") || s("resource_uri")].filter(Boolean).join("/") || "no server";
  const who = s("agent") || "An unknown caller";
  const onBehalf = s("principal") && s("principal") !== s("agent") ? ` on behalf of ${s("principal")}` : "";
  const task = s("task_id") ? ` in task ${s("task_id")} (${s("task_class") || "no class"})` : "";
  if (s("basis") === "imported") return imported(e, `${who}${onBehalf} sent ${s("method")} to ${target} at ${new Date(e.atMs).toISOString()}.`);
  const attempts = Number(c.attempts ?? 1);
  const words = [`${who}${onBehalf}${task} sent ${s("method")} to ${target} at ${new Date(e.atMs).toISOString()}.`, decided(e)];
  if (attempts > 1) words.push(`This is the record of ${attempts} attempts within about a second that were denied alike; what else it says is the first one's.`);
  const { rules } = e.decision;
  for (const rule of rules) words.push(`Rule ${rule.id}${rule.effect ? ` (${rule.effect})` : ""}${rule.description ? `: ${rule.description}` : rule.text === "" ? " is not kept with this version." : "."}`);
  words.push(...inputsInWords(e.inputs, c));
  words.push(...registry(e));
  words.push(`Outcome: ${s("outcome")}${s("error_type") ? ` (${s("error_type")})` : ""}.`);
  words.push(timing(e));
  words.push(chain(e));
  return words;
}

/** No proxy of ours saw it, so there is no decision, registry or chain to speak of: only what somebody else's span said. */
function imported(e: Omit<Explanation, "words">, what: string): string[] {
  const s = (key: string): string => String(e.call[key] ?? "");
  const verdict = s("decision") ? `It ${verbs[s("decision")] ?? s("decision")} there` : "The span does not say how it was decided";
  const upstream = e.timing.upstreamUs === null ? "" : `, of which the upstream had ${ms(e.timing.upstreamUs)}`;
  return [
    what,
    `It was imported from a span of ${e.chain.producer.replace(/^import:/, "")} (trace ${s("trace_id")}, span ${s("span_id")}). No proxy of Signalbox received it.`,
    `${verdict}; no policy of Signalbox took part.`,
    `Outcome: ${s("outcome")}${s("error_type") ? ` (${s("error_type")})` : ""}.`,
    `It took ${ms(e.timing.totalUs)}${upstream}.`,
    "It is in no chain: nothing proves that the span was complete or unchanged.",
  ];
}

function decided(e: Omit<Explanation, "words">): string {
  const d = e.decision;
  const observed = d.mode === "observe" ? (d.wouldBe ? ` The server is in observe mode; enforced, it would have been ${d.wouldBe}.` : " The server is in observe mode.") : "";
  const basis = d.basis === "default" ? "by default" : d.basis === "exception" ? "by an exception" : "explicitly";
  return `It ${verbs[d.decision] ?? d.decision} ${basis}: ${reasons[d.reason] ?? d.reason}. Policy version ${short(d.policyVersion) || "none"}.${observed}`;
}

function registry(e: Omit<Explanation, "words">): string[] {
  const s = (key: string): string => String(e.call[key] ?? "");
  if (!s("server")) return ["No registered server was involved."];
  const owner = `as owned by ${s("owner") || "nobody"}, risk tier ${s("risk_tier") || "unset"}`;
  const tool = s("tool") ? `the tool's effect was ${s("effect") || "unknown"}.` : "the message named no tool.";
  const words = [`The registry (revision ${short(e.registry.revision)}) had ${s("server")} ${s("server_version")} ${owner}; ${tool}`];
  const row = e.registry.entry;
  if (row === null) return [...words, "What else the registry said of it then is not kept."];
  const names = (value: unknown): string => (Array.isArray(value) && value.length > 0 ? value.join(", ") : "");
  const approved = `${String(row.lifecycle ?? "") || "without a lifecycle"} in ${names(row.environments) || "no environment"}`;
  return [...words, `It was ${approved}, for ${names(row.task_classes) ? `tasks of class ${names(row.task_classes)}` : "tasks of any class"}.`];
}

function timing(e: Omit<Explanation, "words">): string {
  const { totalUs, proxyUs, upstreamUs } = e.timing;
  const upstream = upstreamUs === null ? "nothing was forwarded or nothing came back" : `the upstream took ${ms(upstreamUs)}`;
  return `It took ${ms(totalUs)}: the proxy worked ${ms(proxyUs)}, ${upstream}.`;
}

function chain(e: Omit<Explanation, "words">): string {
  const { producer, seq, complete, previousSeq, nextSeq } = e.chain;
  const place = `It is record ${seq} of ${producer}`;
  if (complete) return nextSeq === null ? `${place}, the newest there is; the one before it is there.` : `${place}; its neighbours in the chain are there.`;
  const missing = [seq > 1 && previousSeq !== seq - 1 ? seq - 1 : null, nextSeq !== null && nextSeq !== seq + 1 ? seq + 1 : null].filter((n) => n !== null);
  return `${place}; record ${missing.join(" and ")} beside it is not in the store within a day of it.`;
}

const ms = (us: number): string => `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`;
const short = (digest: string): string => (digest.length > 16 ? digest.slice(0, 12) : digest);
