import { join } from "node:path";
import type { DraftRecord } from "../record/call-record.ts";
import { UNRECORDED_FILE, UNRECORDED_SLOT_BYTES } from "./layout.ts";
import { SlotFile } from "./slot-file.ts";

/** Calls that were let through without a record, of one agent at one server that were decided alike. */
export interface UnrecordedCalls {
  readonly server: string;
  readonly agent: string;
  readonly decision: DraftRecord["decision"];
  readonly riskTier: DraftRecord["riskTier"];
  readonly serverVersion: string;
  readonly owner: string;
  readonly environment: string;
  /** The first call's: by its span the record of the count is known again after a crash. */
  readonly traceId: string;
  readonly spanId: string;
  readonly firstUs: number;
  lastUs: number;
  calls: number;
  /** The record that says so, once it has been appended: until that is durable, the count stands. */
  seq: number | null;
  /** Counted by a process that was killed, which may have let through some more. */
  atLeast: boolean;
}

export const UNRECORDED_METHOD = "audit/unrecorded";

/** Agents and servers that are told apart; beyond it calls are counted by decision alone. */
const MAX_KINDS = 100;
const MAX_NAME = 128;

/**
 * What was let through and is not on record yet. `counted` are calls that never got a number; `retained` ones have one, and
 * their records are in memory and follow when the disk can be written to again, unless the process ends before.
 */
export class UnrecordedLedger {
  #counted = new Map<string, UnrecordedCalls>();
  #retained = new Map<string, UnrecordedCalls>();
  /** Their records have been appended and are not durable yet. */
  #appended: UnrecordedCalls[] = [];
  total = 0;

  get isEmpty(): boolean {
    return this.#counted.size === 0 && this.#retained.size === 0 && this.#appended.length === 0;
  }

  get hasUnwritten(): boolean {
    return this.#counted.size > 0;
  }

  add(draft: DraftRecord, retainedAs: number | null): void {
    this.total++;
    const entry = entryOf(retainedAs === null ? this.#counted : this.#retained, draft);
    entry.calls++;
    entry.lastUs = Math.max(entry.lastUs, draft.receivedUs);
    if (retainedAs !== null) entry.seq = Math.max(entry.seq ?? 0, retainedAs);
  }

  /** What is to be recorded now; `append` says which number each got. */
  record(append: (draft: DraftRecord) => number): void {
    for (const entry of this.#counted.values()) {
      entry.seq = append(unrecordedRecord(entry));
      this.#appended.push(entry);
    }
    this.#counted.clear();
  }

  /** Forgets what is on record by now. True where there was something. */
  settle(durableSeq: number): boolean {
    const before = this.#appended.length + this.#retained.size;
    this.#appended = this.#appended.filter(({ seq }) => seq! > durableSeq);
    for (const [key, { seq }] of this.#retained) if (seq! <= durableSeq) this.#retained.delete(key);
    return this.#appended.length + this.#retained.size < before;
  }

  toJSON(): UnrecordedCalls[] {
    return [...this.#counted.values(), ...this.#retained.values(), ...this.#appended];
  }

  /** Takes over what an earlier process had not recorded when it ended. */
  restore(entries: readonly UnrecordedCalls[]): void {
    for (const entry of entries) this.#counted.set(`restored ${entry.spanId} ${entry.decision}`, { ...entry, seq: null, atLeast: true });
  }
}

function entryOf(kinds: Map<string, UnrecordedCalls>, draft: DraftRecord): UnrecordedCalls {
  const { decision } = draft;
  const [server, agent] = [draft.server.slice(0, MAX_NAME), draft.agent.slice(0, MAX_NAME)];
  const own = JSON.stringify([server, agent, decision]);
  const found = kinds.get(own);
  if (found) return found;
  const isOwn = kinds.size < MAX_KINDS;
  const key = isOwn ? own : JSON.stringify(["", "", decision]);
  const known = kinds.get(key);
  if (known) return known;
  const { riskTier, serverVersion, owner, environment, traceId, spanId, receivedUs } = draft;
  const sample = isOwn ? { server, agent, riskTier, serverVersion: serverVersion.slice(0, MAX_NAME), owner: owner.slice(0, MAX_NAME) } : { server: "", agent: "", riskTier: "" as const, serverVersion: "", owner: "" };
  const made = { ...sample, decision, environment, traceId, spanId, firstUs: receivedUs, lastUs: receivedUs, calls: 0, seq: null, atLeast: false };
  kinds.set(key, made);
  return made;
}

/** One record for all of them: from the first one's time to the last one's. */
export function unrecordedRecord(entry: UnrecordedCalls): DraftRecord {
  const { server, agent, decision, riskTier, serverVersion, owner, environment, traceId, spanId, firstUs, lastUs, calls, atLeast } = entry;
  return {
    receivedUs: firstUs,
    decidedAfterUs: null,
    forwardedAfterUs: null,
    answeredAfterUs: null,
    completedAfterUs: Math.max(0, lastUs - firstUs),
    proxyUs: 0,
    agent,
    principal: "",
    delegation: [],
    credentialId: "",
    clientName: "",
    clientVersion: "",
    clientAddress: "",
    protocolVersion: "",
    transport: "tcp",
    method: UNRECORDED_METHOD,
    rpcId: "",
    tool: "",
    prompt: "",
    resourceUri: "",
    sessionId: "",
    taskId: "",
    taskClass: "",
    traceId,
    spanId,
    parentSpanId: "",
    upstreamSpanId: "",
    upstreamAddress: "",
    server,
    serverVersion,
    registryRevision: "",
    owner,
    riskTier,
    dataDomains: [],
    environment,
    effect: "",
    trusted: false,
    decision,
    basis: "default",
    policyIds: [],
    policyVersion: "",
    reason: "audit_unavailable",
    mode: "enforce",
    wouldBe: "",
    attempts: calls,
    outcome: "unrecorded",
    errorType: atLeast ? "unrecorded_at_least" : "unrecorded",
    rpcCode: "",
    httpStatus: 0,
    upstreamStatus: 0,
    requestBytes: 0,
    resultBytes: 0,
    resultDigest: "",
    arguments: [],
    handling: "pass",
    handlingFindings: [],
    approvalId: "",
    exceptionId: "",
  };
}

export function describeUnrecorded(calls: Pick<UnrecordedCalls, "server" | "agent" | "decision" | "calls" | "atLeast">, first: string, last: string): string {
  const { server, agent, decision, atLeast } = calls;
  const who = server === "" && agent === "" ? "various agents at various servers" : `agent ${agent || "(unknown)"} at server ${server || "(unknown)"}`;
  return `${atLeast ? "at least " : ""}${calls.calls} calls of ${who} (${decision}) were let through unrecorded from ${first} to ${last}`;
}

/** What a spool directory says was let through and is on no record yet. */
export async function readUnrecorded(dir: string): Promise<readonly UnrecordedCalls[]> {
  return ((await SlotFile.read(join(dir, UNRECORDED_FILE), UNRECORDED_SLOT_BYTES)) ?? []) as UnrecordedCalls[];
}
