import type { Effect } from "../../collector/record/call-record.ts";
import type { ReasonCode } from "../policy/decision.ts";
import { pastSunset } from "./lifecycle.ts";
import type { ServerEntry } from "./server-entry.ts";

export type Callable = { readonly ok: true } | { readonly ok: false; readonly reason: ReasonCode };

const yes: Callable = Object.freeze({ ok: true });
const refusals = {
  unknown_server: Object.freeze({ ok: false, reason: "unknown_server" } as const),
  server_not_approved: Object.freeze({ ok: false, reason: "server_not_approved" } as const),
  server_retired: Object.freeze({ ok: false, reason: "server_retired" } as const),
  server_sunset: Object.freeze({ ok: false, reason: "server_sunset" } as const),
  task_class_not_approved: Object.freeze({ ok: false, reason: "task_class_not_approved" } as const),
  out_of_scope: Object.freeze({ ok: false, reason: "out_of_scope" } as const),
};

export interface CallContext {
  readonly taskClass: string;
  /** Where this proxy stands. */
  readonly environment: string;
  /** The servers that the caller's credential is for; absent means any. */
  readonly servers?: readonly string[] | undefined;
  /** The time of the call; without it a deprecated server is taken to be before its sunset. */
  readonly nowMs?: number | undefined;
}

/**
 * Whether the registry lets a server be called at all, before any rule is asked: no rule can open what this closes.
 * `undefined` is a server that the registry does not have. A server that lists other environments than this proxy's is
 * approved there and not here.
 */
export function isCallable(entry: ServerEntry | undefined, call: CallContext): Callable {
  if (!entry) return refusals.unknown_server;
  if (entry.lifecycle === "retired") return refusals.server_retired;
  if (entry.lifecycle === "proposed") return refusals.server_not_approved;
  if (call.nowMs !== undefined && pastSunset(entry, call.nowMs)) return refusals.server_sunset;
  if (!entry.environments.includes(call.environment)) return refusals.server_not_approved;
  if (entry.taskClasses.length > 0 && !entry.taskClasses.includes(call.taskClass)) return refusals.task_class_not_approved;
  if (call.servers && !call.servers.includes(entry.name)) return refusals.out_of_scope;
  return yes;
}

const unlisted = Object.freeze({ effect: "destructive", trusted: false } as const);

/**
 * What the registry says of a tool. One that it does not list counts as destructive: a server that grows a tool must not
 * slip under the rules that were written for the harmless ones.
 */
export function toolFacts(entry: ServerEntry, tool: string): { readonly effect: Effect; readonly trusted: boolean } {
  return Object.hasOwn(entry.tools, tool) ? entry.tools[tool]! : unlisted;
}
