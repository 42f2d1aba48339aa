import type { Control, Actor, Command, Decided, Deciders, Role } from "../../../proxy/state/command.ts";
import type { ControlEntry, ControlEvent } from "../../../proxy/state/control-event.ts";
import { ControlState } from "../../../proxy/state/control-state.ts";
import { peopleDeciders } from "../../../proxy/people/deciders.ts";

export const t0 = Date.UTC(2026, 2, 2, 9);
export const minute = 60_000;
export const hour = 60 * minute;

export const actor = (principal: string, ...roles: Role[]): Actor => ({ principal, agent: `${principal}-cli`, roles });
/** The agent that most calls of these tests come from, as the relay submits for it. */
export const caller: Actor = { principal: "ana", agent: "triage-bot", roles: ["agent"] };
export const ben = actor("ben", "approver");
export const cleo = actor("cleo", "approver");
export const op = actor("olga", "operator");

/** Deciders over a state, each decision applied at once, at a time that the test chooses. */
export class Desk {
  readonly state = new ControlState();
  readonly entries: ControlEntry[] = [];
  nowMs = t0;
  #ids = 0;
  readonly #deciders: Deciders;

  constructor(deciders: Deciders = peopleDeciders) {
    this.#deciders = deciders;
  }

  record(event: ControlEvent, by = "somebody"): void {
    const entry = { seq: this.state.seq + 1, atMs: this.nowMs, by, event };
    this.entries.push(entry);
    this.state.apply(entry);
  }

  submit(command: Command, by: Actor): Decided {
    const decided = this.#deciders[command.kind]!(this.state, command, { nowMs: this.nowMs, actor: by, newId: (prefix) => `${prefix}-${++this.#ids}` });
    if (decided.ok) for (const event of decided.events) this.record(event, by.principal);
    return decided;
  }

  /** `ok`, or the code of the refusal. */
  outcome(command: Command, by: Actor): string {
    const decided = this.submit(command, by);
    return decided.ok ? "ok" : `${decided.status} ${decided.code}`;
  }
}

/** The same as what a worker sees. */
export function controlOf(desk: Desk): Control {
  const listeners = new Set<(entry: ControlEntry) => void>();
  return {
    state: desk.state,
    submit: (command, by) => {
      const before = desk.entries.length;
      const decided = desk.submit(command, by);
      for (const entry of desk.entries.slice(before)) for (const listener of listeners) listener(entry);
      return Promise.resolve(decided);
    },
    onEntry: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    gossip: () => undefined,
    onGossip: () => () => undefined,
  };
}

export const heldRequest = {
  agent: "triage-bot", principal: "ana", taskId: "", server: "github", serverVersion: "1.4.0", tool: "create_issue", effect: "write", riskTier: "medium",
  requestDigest: "d1", definitionHash: "sha256:1", policyVersion: "v1", policyIds: ["hold.writes"], message: "Writes need a second pair of eyes.",
} as const;

export function request(desk: Desk, over: Record<string, unknown> = {}, by: Actor = caller): string {
  const decided = desk.submit({ kind: "approval.request", request: { ...heldRequest, ...over } }, by);
  if (!decided.ok) throw new Error(decided.message);
  return (decided.result as { approvalId: string }).approvalId;
}

export function openTask(desk: Desk, over: Record<string, unknown> = {}, by = "otto"): void {
  desk.record({ kind: "task.opened", task: { taskId: "t-1", class: "triage", owner: "team-dev", agent: "triage-bot", principal: "ana", workItem: "T-1", budget: {}, expiresMs: t0 + 8 * hour, tokenHash: "a".repeat(64), ...over } }, by);
}
