import type { Clock } from "../../collector/kernel/clock.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { Identity } from "../identity/identity.ts";
import { safeLine } from "../people/safe-text.ts";
import { noHistory, type ReasonCode } from "../policy/decision.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { Control } from "../state/command.ts";
import type { Call } from "./call.ts";
import { inputOf, mayBeCalled, type Ruling } from "./judge.ts";

/** What a refused caller can do instead, in words that are safe to show: bounded, on one line each, and without hidden characters. */
export interface Hints {
  /** Rules that would let this very call through, and when. */
  readonly allowedWhen: readonly { readonly rule: string; readonly when: string }[];
  /** Tools of the server that the caller may call, some of them. */
  readonly tools: readonly string[];
  /** For which kinds of task the server is approved, where the task is of another one. */
  readonly taskClasses: readonly string[];
  readonly replacedBy: string;
  /** Who answers for the server, and how they are reached; empty where the registry does not say. */
  readonly owner: string;
  readonly contact: string;
}

export interface HintsOptions {
  readonly controlPlane: () => Pick<ControlPlane, "policies" | "registry">;
  readonly control: Pick<Control, "state">;
  readonly clock: Clock;
  readonly environment: string;
}

const MAX_RULES = 3;
const MAX_CONDITION = 300;
const MAX_TOOLS = 10;
/** Of the names of a server's tools: each is asked about. */
const MAX_ASKED = 100;
const MAX_WORD = 100;
/** A name that says something else than a name comes from the server and is not repeated. */
const PLAIN_NAME = /^[\w./:-]{1,64}$/;

/** Answers to the same question are remembered for so long: whoever is refused may try again at once, for ever. */
const REMEMBERED_MS = 1000;
const MAX_REMEMBERED = 512;

/** Where what the rules allow is an answer to why. */
const byRules: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["rule", "no_rule", "rule_error"]);
const openConditions: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["no_rule", "rule_error"]);
const aboutOneTool: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["out_of_scope", "task_scope", "definition_changed", "approval_denied"]);

const nothing: readonly never[] = Object.freeze([]);

export function createHints({ controlPlane, control, clock, environment }: HintsOptions): (call: Call, ruling: Ruling) => Hints {
  const remembered = new Map<string, { untilMs: number; tools: readonly string[] }>();

  function toolsFor(entry: ServerEntry, identity: Identity, version: string): readonly string[] {
    const { policies } = controlPlane();
    const nowMs = clock.nowMs();
    const key = JSON.stringify([entry.name, version, identity.agent, identity.principal, identity.taskId, identity.taskClass, identity.credentialId, policies.version]);
    const before = remembered.get(key);
    if (before !== undefined && nowMs < before.untilMs && before.untilMs <= nowMs + REMEMBERED_MS) return before.tools;
    const moment = { state: control.state, serverVersion: version };
    const tools: string[] = [];
    let asked = 0;
    for (const tool of new Set([...(control.state.tools.get(entry.name)?.keys() ?? nothing), ...Object.keys(entry.tools)])) {
      if (++asked > MAX_ASKED || tools.length >= MAX_TOOLS) break;
      if (!PLAIN_NAME.test(tool)) continue;
      if (mayBeCalled({ policies }, entry, identity, { method: "tools/call", tool, prompt: "", resourceUri: "" }, environment, nowMs, moment)) tools.push(tool);
    }
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(key, { untilMs: nowMs + REMEMBERED_MS, tools });
    return tools;
  }

  function conditions(call: Call, entry: ServerEntry, identity: Identity): Hints["allowedWhen"] {
    const { method, tool, prompt, resourceUri } = call;
    const moment = { state: control.state, serverVersion: call.serverVersion || entry.version };
    const history = { ...noHistory, taskOwner: identity.taskOwner ?? "" };
    const input = inputOf(entry, identity, { method, tool, prompt, resourceUri, args: undefined }, environment, clock.nowMs(), history, moment);
    return controlPlane().policies.requirements(input, MAX_RULES).map(({ id, when }) => ({ rule: id, when: safeLine(when.replace(/\s+/g, " ").trim(), MAX_CONDITION) }));
  }

  return (call, { enforced, result: { reason } }) => {
    const { entry, identity } = call;
    if (entry === null || identity === null) return { allowedWhen: nothing, tools: nothing, taskClasses: nothing, replacedBy: "", owner: "", contact: "" };
    const owner = entry.owner ?? "";
    const contact = entry.contact ?? controlPlane().registry.people?.byId.get(owner)?.contact ?? "";
    const denied = enforced === "deny";
    const retired = reason === "server_retired" || reason === "server_sunset";
    return {
      allowedWhen: denied && openConditions.has(reason) ? conditions(call, entry, identity) : nothing,
      tools: denied && call.tool !== "" && (byRules.has(reason) || aboutOneTool.has(reason)) ? toolsFor(entry, identity, call.serverVersion || entry.version).filter((tool) => tool !== call.tool) : nothing,
      taskClasses: reason === "task_class_not_approved" ? entry.taskClasses.slice(0, MAX_TOOLS).map((name) => safeLine(name, MAX_WORD)) : nothing,
      replacedBy: retired ? (entry.replacedBy ?? "") : "",
      owner: safeLine(owner, MAX_WORD),
      contact: safeLine(contact, MAX_WORD),
    };
  };
}
