import { parse, stringify } from "yaml";
import { SignalboxError } from "../collector/kernel/errors.ts";
import { parseCallId } from "./call-id.ts";
import { num, select, type Store } from "./rows.ts";
import { explainInputs, type ExplainedInputs } from "./explain-inputs.ts";
import { entryText } from "./explain-registry.ts";
import { inWords } from "./explain-words.ts";

export interface RuleText {
  readonly id: string;
  readonly effect: string;
  readonly description: string;
  /** The rule as it stood in that version, as YAML; empty where the version was not kept. */
  readonly text: string;
}

export interface Explanation {
  readonly callId: string;
  readonly atMs: number;
  /** Every recorded column, as the store has it. */
  readonly call: Readonly<Record<string, unknown>>;
  readonly decision: {
    readonly decision: string;
    readonly basis: string;
    readonly reason: string;
    readonly mode: string;
    readonly wouldBe: string;
    readonly policyVersion: string;
    readonly policyPublishedMs: number | null;
    readonly rules: readonly RuleText[];
  };
  /** `entry` is the row as the store has it; `text` the server's whole entry at that revision as YAML, empty where it was not kept. */
  readonly registry: { readonly revision: string; readonly known: boolean; readonly entry: Readonly<Record<string, unknown>> | null; readonly text: string };
  readonly inputs: ExplainedInputs;
  readonly timing: { readonly totalUs: number; readonly proxyUs: number; readonly upstreamUs: number | null; readonly otherUs: number };
  readonly chain: { readonly producer: string; readonly seq: number; readonly hash: string; readonly prevHash: string; readonly previousSeq: number | null; readonly nextSeq: number | null; readonly complete: boolean };
  readonly task: readonly { readonly callId: string; readonly atMs: number; readonly server: string; readonly tool: string; readonly method: string; readonly decision: string; readonly attempts: number; readonly outcome: string; readonly durationUs: number }[];
  /** The same in words, a sentence each. */
  readonly words: readonly string[];
}

const around = 24 * 3600_000;

/** Rebuilds why a call was decided as it was, from what was recorded then, not from what is in force now. */
export async function explainCall(store: Store, id: string): Promise<Explanation> {
  const key = parseCallId(id);
  const [call] = key ? await select<Record<string, unknown>>(store, "call", key) : [];
  if (!key || !call) throw new SignalboxError("E_CALL_UNKNOWN", `there is no call ${id}`, { remedy: "a call id is <producer>-<sequence number>" });
  const atMs = Math.floor(num(call.ts_us) / 1000);
  const time = { from_ms: atMs - around, to_ms: atMs + around };
  const taskId = text(call.task_id);
  const [policies, entries, chains, task, inputs] = await Promise.all([
    select<{ rules: string; published_at_ms: string }>(store, "policy-version", { version: text(call.policy_version) }),
    select<Record<string, unknown>>(store, "registry-entry", { revision: text(call.registry_revision), server: text(call.server) }),
    select<{ before: unknown; after: unknown; hashes: [string, string] | null }>(store, "chain", { ...key, trace_id: text(call.trace_id), ...time }),
    taskId ? select<Record<string, unknown>>(store, "task-calls", { task_id: taskId, ...time, limit: 200 }) : [],
    explainInputs(store, call),
  ]);
  const policy = policies[0];
  const totalUs = num(call.duration_us);
  const proxyUs = num(call.proxy_us);
  const upstreamUs = call.upstream_us === null ? null : num(call.upstream_us);
  const seq = num(call.seq);
  const chain = chains[0];
  const [previousSeq, nextSeq] = [chain?.before, chain?.after].map((v) => num(v) || null) as [number | null, number | null];
  const facts: Omit<Explanation, "words"> = {
    callId: id,
    atMs,
    call,
    decision: {
      decision: text(call.decision),
      basis: text(call.basis),
      reason: text(call.reason),
      mode: text(call.mode),
      wouldBe: text(call.would_be),
      policyVersion: text(call.policy_version),
      policyPublishedMs: policy ? num(policy.published_at_ms) : null,
      rules: ruleTexts((call.policy_ids as string[] | undefined) ?? [], policy?.rules),
    },
    registry: { revision: text(call.registry_revision), known: entries.length > 0, entry: entries[0] ?? null, text: entryText(entries[0]) },
    inputs,
    timing: { totalUs, proxyUs, upstreamUs, otherUs: Math.max(0, totalUs - proxyUs - (upstreamUs ?? 0)) },
    chain: {
      producer: key.producer,
      seq,
      hash: chain?.hashes?.[0] ?? "",
      prevHash: chain?.hashes?.[1] ?? "",
      previousSeq,
      nextSeq,
      complete: (seq === 1 || previousSeq === seq - 1) && (nextSeq === null || nextSeq === seq + 1),
    },
    task: task.map((t) => ({
      callId: text(t.call_id),
      atMs: Math.floor(num(t.ts_us) / 1000),
      server: text(t.server),
      tool: text(t.tool),
      method: text(t.method),
      decision: text(t.decision),
      attempts: num(t.attempts),
      outcome: text(t.outcome),
      durationUs: num(t.duration_us),
    })),
  };
  return { ...facts, words: inWords(facts) };
}

/** A policy version is kept as the rules that it was made of, in YAML or JSON: a list, or an object with `rules`. */
export function ruleTexts(ids: readonly string[], kept: string | undefined): RuleText[] {
  const rules = parseRules(kept);
  return ids.map((id) => {
    const rule = rules.find((r) => r.id === id);
    return rule
      ? { id, effect: text(rule.effect), description: text(rule.description), text: stringify(withoutEmpty(rule), { lineWidth: 100 }) }
      : { id, effect: "", description: "", text: "" };
  });
}

function parseRules(kept: string | undefined): Record<string, unknown>[] {
  if (!kept) return [];
  try {
    const parsed: unknown = parse(kept);
    const list = Array.isArray(parsed) ? parsed : ((parsed as { rules?: unknown } | null)?.rules ?? []);
    return Array.isArray(list) ? list.filter((r): r is Record<string, unknown> => typeof r === "object" && r !== null) : [];
  } catch {
    return [];
  }
}

/** Loaded rules carry every default; a reader wants what their author wrote. */
function withoutEmpty(value: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, v] of Object.entries(value)) {
    if (v === "" || v === undefined || v === null || (Array.isArray(v) && v.length === 0)) continue;
    out[key] = typeof v === "object" && !Array.isArray(v) ? withoutEmpty(v as Record<string, unknown>) : v;
  }
  return out;
}

const text = (v: unknown): string => (typeof v === "string" ? v : v === null || v === undefined ? "" : String(v));
