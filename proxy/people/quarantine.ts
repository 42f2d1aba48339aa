import { z } from "zod";
import { quarantineSchema } from "../state/control-event.ts";
import type { ControlState, QuarantineState } from "../state/control-state.ts";
import type { Command, DecideContext, Decided, Deciders } from "../state/command.ts";
import { isConcerned } from "./concerned.ts";
import { appendedIndex } from "./appended-index.ts";
import { read, refused, withoutRole } from "./refused.ts";

const DEFAULT_EXPIRY_MS = 24 * 3600_000;
const MAX_EXPIRY_MS = 30 * 24 * 3600_000;
/** Results that wait for a person at once; beyond it a result is blocked instead. */
export const MAX_HELD_PER_AGENT = 100;
export const MAX_HELD = 1000;

export type QuarantineStatus = "held" | "released" | "redacted" | "deleted" | "expired";

const settledAs = { release: "released", redact: "redacted", delete: "deleted" } as const;

/** What was settled ends with the item: a released result is there until then, and no longer. */
export function quarantineStatus(state: QuarantineState, nowMs: number): QuarantineStatus {
  if (state.verdict === "delete") return "deleted";
  if (state.item.expiresMs <= nowMs) return "expired";
  return state.verdict === null ? "held" : settledAs[state.verdict];
}

/** The call whose result was kept back. */
export interface QuarantinedCall {
  readonly agent: string;
  readonly principal: string;
  readonly taskId: string;
  readonly requestDigest: string;
}

export type FoundQuarantine =
  | { readonly kind: "none" }
  | { readonly kind: "held" | "released" | "redacted" | "deleted"; readonly quarantined: QuarantineState };

const nothing: FoundQuarantine = Object.freeze({ kind: "none" });

/** For every call, before its digest is computed: whether any result of this agent is kept. Costs well below a microsecond. */
export function mayBeQuarantined(state: ControlState, agent: string, nowMs: number): boolean {
  if (state.quarantine.size === 0) return false;
  // Results are kept for about the same time, so the newest is the last to expire, or nearly.
  return byAgent(state, agent).findLast((id) => (state.quarantine.get(id)?.item.expiresMs ?? 0) > nowMs) !== undefined;
}

/**
 * Pure. What became of the result of this very call: while it is held or deleted, the call must not be made again (a write
 * would be made twice), and once it is released or redacted, the kept result answers it. Expired is `none`.
 */
export function findQuarantine(state: ControlState, call: QuarantinedCall, nowMs: number): FoundQuarantine {
  if (state.quarantine.size === 0) return nothing;
  const quarantined = byRequest(state, call.requestDigest)
    .map((id) => state.quarantine.get(id))
    .findLast((found) => found !== undefined && isFor(found.item, call));
  if (quarantined === undefined || quarantined.item.expiresMs <= nowMs) return nothing;
  const status = quarantineStatus(quarantined, nowMs);
  return status === "expired" ? nothing : { kind: status, quarantined };
}

/** Pure. The kept result that answers this very call, whole or to be redacted; null where there is none. */
export function releasedFor(state: ControlState, call: QuarantinedCall, nowMs: number): { readonly quarantineId: string; readonly verdict: "release" | "redact" } | null {
  const found = findQuarantine(state, call, nowMs);
  if (found.kind !== "released" && found.kind !== "redacted") return null;
  return { quarantineId: found.quarantined.item.quarantineId, verdict: found.kind === "released" ? "release" : "redact" };
}

const isFor = (item: QuarantinedCall, call: QuarantinedCall): boolean =>
  item.agent === call.agent && item.principal === call.principal && item.taskId === call.taskId && item.requestDigest === call.requestDigest;

const byAgent = appendedIndex((state) => state.quarantine, ({ item }) => item.agent);
const byRequest = appendedIndex((state) => state.quarantine, ({ item }) => item.requestDigest);

const holdSchema = z.strictObject({
  kind: z.literal("quarantine.hold"),
  item: quarantineSchema.omit({ quarantineId: true, expiresMs: true }),
  expiresInMs: z.int().min(1000).max(MAX_EXPIRY_MS).default(DEFAULT_EXPIRY_MS),
});

const settleSchema = z.strictObject({
  kind: z.literal("quarantine.settle"),
  quarantineId: z.string().min(1).max(64),
  verdict: z.enum(["release", "redact", "delete"]),
  comment: z.string().max(500).default(""),
});

export const quarantineDeciders: Deciders = { "quarantine.hold": hold, "quarantine.settle": settle };

/** From the proxy itself, in the name of the caller whose call it was. The bytes are kept under the id that this gives. */
function hold(state: ControlState, command: Command, { nowMs, actor, newId }: DecideContext): Decided {
  const parsed = read(holdSchema, command);
  if (!parsed.ok) return parsed;
  const { item, expiresInMs } = parsed.data;
  if (item.agent !== actor.agent || item.principal !== actor.principal) return refused(403, "E_NOT_THE_CALLER", "a result is kept for the caller that it is for");
  let all = 0;
  let own = 0;
  for (const other of state.quarantine.values()) {
    if (quarantineStatus(other, nowMs) !== "held") continue;
    all++;
    if (other.item.agent === item.agent) own++;
  }
  if (own >= MAX_HELD_PER_AGENT || all >= MAX_HELD) return refused(429, "E_QUARANTINE_FULL", "no more results can be kept for a person to read; have some settled first");
  const quarantineId = newId("q");
  const held = { ...item, quarantineId, expiresMs: nowMs + expiresInMs };
  return { ok: true, events: [{ kind: "quarantine.held", item: held }], result: { quarantineId, expiresMs: held.expiresMs } };
}

function settle(state: ControlState, command: Command, { nowMs, actor }: DecideContext): Decided {
  const parsed = read(settleSchema, command);
  if (!parsed.ok) return parsed;
  const { quarantineId, verdict, comment } = parsed.data;
  const unfit = withoutRole(actor, ["approver", "operator"]);
  if (unfit) return unfit;
  const found = state.quarantine.get(quarantineId);
  if (!found) return refused(404, "E_QUARANTINE_UNKNOWN", `there is no quarantined result ${quarantineId}`);
  const status = quarantineStatus(found, nowMs);
  // What was let go may be taken back; everything else is settled once.
  const takenBack = verdict === "delete" && (status === "released" || status === "redacted");
  if (status !== "held" && !takenBack) return refused(409, "E_QUARANTINE_OVER", `this result is ${status} already`);
  if (verdict !== "delete" && isConcerned(state, found.item, actor)) {
    return refused(403, "E_SELF_RELEASE", "nobody releases a result to themselves; ask somebody else");
  }
  return { ok: true, events: [{ kind: "quarantine.settled", quarantineId, verdict, comment }], result: { quarantineId, status: settledAs[verdict] } };
}
