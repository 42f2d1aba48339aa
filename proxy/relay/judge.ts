import type { Decision } from "../../collector/record/call-record.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { Identity } from "../identity/identity.ts";
import { noHistory, type DecisionInput, type DecisionResult, type ReasonCode, type TaskHistory } from "../policy/decision.ts";
import { builtinPrefix } from "../policy/rule.ts";
import { describeScope, isInScope } from "../identity/task-scope.ts";
import { findException, withException } from "../people/exceptions.ts";
import { pinOf, waiting } from "../registry/pins/index.ts";
import { isCallable, toolFacts } from "../registry/callable.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { ControlState } from "../state/control-state.ts";
import { stopFor } from "../state/stops.ts";

/** A decision and what is done about it. */
export interface Ruling {
  readonly result: DecisionResult;
  readonly enforced: Decision;
  /** What enforcement would have done, when the server is only observed. */
  readonly wouldBe: Decision | "";
  /** The exception that an allow rests on; empty for any other. */
  readonly exceptionId: string;
}

/** What is known of the moment besides the files: absent where a decision is tried out. */
export interface Moment {
  readonly state: ControlState;
  /** The version that the call goes to. */
  readonly serverVersion: string;
}

export interface Asked {
  readonly method: string;
  readonly tool: string;
  readonly prompt: string;
  readonly resourceUri: string;
  /** The resources that a listening stream asks to hear of. */
  readonly heardOf?: readonly string[];
  readonly args: unknown;
}

const whyNotCallable: Readonly<Record<string, string>> = {
  server_not_approved: "This server is not approved for use here.",
  server_retired: "This server is retired.",
  server_sunset: "This server was deprecated, and its last day is over.",
  task_class_not_approved: "This server is not approved for this kind of task.",
};

/**
 * Pure. Stops, the registry, the task's scope and the tool's definition are asked before the rules, and hold even for a
 * server that is only observed: they are facts, and not rules that are being tried out. An exception stands above the
 * rules alone.
 */
export function judge(
  plane: Pick<ControlPlane, "policies">,
  entry: ServerEntry,
  identity: Identity,
  asked: Asked,
  environment: string,
  nowMs: number,
  history: TaskHistory = noHistory,
  moment: Moment | null = null,
): Ruling {
  const closed = closedBy(entry, identity, asked.tool, environment, nowMs, moment);
  if (closed !== null) {
    const result = { decision: "deny", basis: "default", policyIds: [], policyVersion: plane.policies.version, ...closed } as const;
    return { result, enforced: "deny", wouldBe: "", exceptionId: "" };
  }
  const decided = plane.policies.decide(inputOf(entry, identity, asked, environment, nowMs, history, moment));
  const result = withoutGround(plane, entry, identity, asked, environment, nowMs, decided) ? { ...decided, ...groundless } : decided;
  const exception = result.decision === "allow" || moment === null ? null : findException(moment.state, { ...identity, server: entry.name, tool: asked.tool }, nowMs);
  const final = withException(result, exception);
  const exceptionId = final === result ? "" : exception!.exception.exceptionId;
  if (entry.mode === "observe") return { result: final, enforced: "allow", wouldBe: final.decision, exceptionId };
  return { result: final, enforced: final.decision, wouldBe: "", exceptionId };
}

const groundless = { decision: "deny", basis: "default", policyIds: [], reason: "no_rule", message: "No rule allows the use of what this asks about." } as const;

/**
 * Completions and subscriptions are part of the protocol, and allowed with it; but what a caller may not get or read it may
 * not ask about either. A rule of the files that allows them by name stands.
 */
function withoutGround(plane: Pick<ControlPlane, "policies">, entry: ServerEntry, identity: Identity, asked: Asked, environment: string, nowMs: number, decided: DecisionResult): boolean {
  const { heardOf = [] } = asked;
  const isAbout = asked.method === "completion/complete" || asked.method === "resources/subscribe" || heardOf.length > 0;
  if (!isAbout || decided.decision !== "allow" || !decided.policyIds.every((id) => id.startsWith(builtinPrefix))) return false;
  const history = { ...noHistory, taskOwner: identity.taskOwner ?? "" };
  const may = (method: string, prompt: string, resourceUri: string): boolean => {
    const input = inputOf(entry, identity, { method, tool: "", prompt, resourceUri, args: undefined }, environment, nowMs, history, null);
    return plane.policies.mayAllow(input, resourceUri.includes("{") ? resourceUri : undefined);
  };
  if (asked.prompt !== "") return !may("prompts/get", asked.prompt, "");
  const uris = heardOf.length > 0 ? heardOf : [asked.resourceUri];
  return uris.some((uri) => uri !== "" && !may("resources/read", "", uri));
}

/**
 * Pure. Whether some call of a tool, prompt or resource may be forwarded or held, whatever its arguments: what a list shows.
 * Asks what `judge` asks, and is never wrongly no. `template` stands for the resources that it names.
 */
export function mayBeCalled(
  plane: Pick<ControlPlane, "policies">,
  entry: ServerEntry,
  identity: Identity,
  asked: Omit<Asked, "args">,
  environment: string,
  nowMs: number,
  moment: Moment,
  template?: string,
): boolean {
  if (closedBy(entry, identity, asked.tool, environment, nowMs, moment) !== null) return false;
  if (entry.mode === "observe") return true;
  const history = { ...noHistory, taskOwner: identity.taskOwner ?? "" };
  if (plane.policies.mayAllow(inputOf(entry, identity, { ...asked, args: undefined }, environment, nowMs, history, moment), template)) return true;
  return findException(moment.state, { ...identity, server: entry.name, tool: asked.tool }, nowMs) !== null;
}

/** What refuses a call before a rule is asked; null where nothing does. */
function closedBy(entry: ServerEntry, identity: Identity, tool: string, environment: string, nowMs: number, moment: Moment | null): { reason: ReasonCode; message: string } | null {
  const stop = moment && stopFor(moment.state, { agent: identity.agent, server: entry.name, tool, taskId: identity.taskId });
  if (stop) return { reason: "stopped", message: `Stopped by an operator: ${stop.reason}` };
  const callable = isCallable(entry, { taskClass: identity.taskClass, environment, servers: identity.servers, nowMs });
  if (!callable.ok && callable.reason === "out_of_scope") return { reason: "out_of_scope", message: describeScope(identity, "servers") };
  if (!callable.ok) return { reason: callable.reason, message: whyNotCallable[callable.reason] ?? "This server may not be called." };
  if (!isInScope(identity, entry.name, tool)) return { reason: identity.taskId === "" ? "out_of_scope" : "task_scope", message: describeScope(identity, "tools") };
  const seen = moment?.serverVersion === entry.version ? moment.state.tools.get(entry.name)?.get(tool) : undefined;
  // A pin in the registry is the approval; the next list of the server's tools notes it.
  if (seen && waiting(seen) && entry.mode === "enforce" && pinOf(entry, tool) !== seen.hash) {
    return { reason: "definition_changed", message: "The tool's definition changed, and nobody has approved the new one yet." };
  }
  return null;
}

/** Everything that a rule may ask about. */
export function inputOf(entry: ServerEntry, identity: Identity, asked: Asked, environment: string, nowMs: number, history: TaskHistory, moment: Moment | null): DecisionInput {
  const tool = asked.tool === "" ? null : toolFacts(entry, asked.tool);
  return {
    agent: identity.agent,
    principal: identity.principal,
    taskId: identity.taskId,
    taskClass: identity.taskClass,
    ...history,
    server: entry.name,
    serverVersion: moment?.serverVersion ?? entry.version,
    lifecycle: entry.lifecycle,
    method: asked.method,
    tool: asked.tool,
    prompt: asked.prompt,
    resourceUri: asked.resourceUri,
    effect: tool?.effect ?? "",
    toolTrusted: tool?.trusted ?? false,
    toolListed: tool !== null && Object.hasOwn(entry.tools, asked.tool),
    riskTier: entry.riskTier ?? "",
    dataDomains: entry.dataDomains,
    environment,
    args: asked.args,
    nowMs,
  };
}
