import type { Explanation } from "./explain.ts";

/** What a reason code means, to somebody who has not read the source. */
const reasons: Readonly<Record<string, string>> = {
  rule: "a rule decided",
  no_rule: "no rule matched, and what no rule allows is refused",
  rule_error: "a rule's condition could not be evaluated, which counts as a refusal",
  unauthenticated: "the caller did not prove who it is",
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
  const words = [`${who}${onBehalf}${task} sent ${s("method")} to ${target} at ${new Date(e.atMs).toISOString()}.`, decided(e)];
  const { rules } = e.decision;
  for (const rule of rules) words.push(`Rule ${rule.id}${rule.effect ? ` (${rule.effect})` : ""}${rule.description ? `: ${rule.description}` : rule.text === "" ? " is not kept with this version." : "."}`);
  if (s("approval_id")) words.push(`Approval ${s("approval_id")} was used.`);
  if (s("exception_id")) words.push(`Exception ${s("exception_id")} was used.`);
  words.push(
    s("server")
      ? `The registry (revision ${short(e.registry.revision)}) had ${s("server")} ${s("server_version")} as owned by ${s("owner") || "nobody"}, risk tier ${s("risk_tier") || "unset"}; ${s("tool") ? `the tool's effect was ${s("effect") || "unknown"}.` : "the message named no tool."}`
      : "No registered server was involved.",
  );
  words.push(`Outcome: ${s("outcome")}${s("error_type") ? ` (${s("error_type")})` : ""}.`);
  words.push(timing(e));
  words.push(chain(e));
  return words;
}

function decided(e: Omit<Explanation, "words">): string {
  const d = e.decision;
  const observed = d.mode === "observe" ? (d.wouldBe ? ` The server is in observe mode; enforced, it would have been ${d.wouldBe}.` : " The server is in observe mode.") : "";
  const basis = d.basis === "default" ? "by default" : d.basis === "exception" ? "by an exception" : "explicitly";
  return `It ${verbs[d.decision] ?? d.decision} ${basis}: ${reasons[d.reason] ?? d.reason}. Policy version ${short(d.policyVersion) || "none"}.${observed}`;
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
