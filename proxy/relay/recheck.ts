import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import { taskKey } from "../handling/flow/index.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { Authentication, Identity } from "../identity/identity.ts";
import { noHistory, type ReasonCode } from "../policy/decision.ts";
import { stopFor } from "../state/stops.ts";
import * as rpc from "../transport/rpc-error.ts";
import { authenticate, identityIn } from "./admit.ts";
import type { Exchange, RelayContext } from "./exchange.ts";
import { judge } from "./judge.ts";
import type { Refusal } from "./refusal.ts";

const ended = (status: number, code: number, errorType: string, message: string): Refusal => ({ status, code, message, outcome: "interrupted", errorType });

const notLetIn = ended(401, rpc.UNAUTHENTICATED, "unauthenticated", "The credential that this stream was opened with is no longer valid.");
const stopped = ended(403, rpc.DENIED, "stopped", "Stopped by an operator.");

/**
 * Ends open streams that would not be opened any more: a token that expired, a key that was revoked, a task that was
 * closed, a stop; and what the files say by now: a server that is gone or retired, a rule that no longer allows it. A call
 * is asked about when it comes; a stream comes once and may stay for days.
 */
export function recheckStreams({ active, controlPlane, control, clock }: Pick<RelayContext, "active" | "controlPlane" | "control" | "clock">, everyMs: number): Stoppable {
  let judged: { plane: ControlPlane | null; seq: number; atMs: number } = { plane: null, seq: -1, atMs: -Infinity };
  const look = (): void => {
    const now = { plane: controlPlane(), seq: control.state.seq, atMs: clock.nowMs() };
    const anew = now.plane !== judged.plane || now.seq !== judged.seq || now.atMs - judged.atMs >= JUDGED_FOR_MS;
    if (anew) judged = now;
    for (const exchange of active.longLived) recheck(exchange, anew);
  };
  const timer = setInterval(look, everyMs).unref();
  return { stop: async () => clearInterval(timer) };
}

/** The rules are asked again when something changed, and otherwise so often: time passes, and some of them go by it. */
const JUDGED_FOR_MS = 60_000;

function recheck(exchange: Exchange, anew: boolean): void {
  const who = authenticate(exchange, exchange.call.serverName);
  if (who instanceof Promise) void who.then((known) => end(exchange, known, anew));
  else end(exchange, who, anew);
}

function end(exchange: Exchange, who: Authentication, anew: boolean): void {
  // Nothing is known of a token whose issuer is away; it is asked about again the next time.
  if (!who.ok) return who.why === "unavailable" ? undefined : exchange.interrupt(notLetIn);
  const { call, context } = exchange;
  const stop = stopFor(context.control.state, { agent: who.identity.agent, server: call.serverName, tool: call.tool, taskId: who.identity.taskId });
  if (stop) return exchange.interrupt(stopped);
  if (!anew) return;
  const why = whyNotOpened(exchange, identityIn(context, who.identity));
  if (why !== null) exchange.interrupt(ended(403, rpc.DENIED, why, "What this stream was opened by has changed, and it would not be opened now."));
}

/** The reason for which the files refuse it by now; null where they do not. One that waits for a person goes on: somebody let it in. */
function whyNotOpened({ call, context }: Exchange, identity: Identity): ReasonCode | null {
  const plane = context.controlPlane();
  const { control, activity, clock, config } = context;
  const entry = plane.registry.servers.get(call.serverName);
  if (!entry) return "unknown_server";
  if (entry.rollout.some(({ version, lifecycle }) => version === call.serverVersion && lifecycle === "retired")) return "server_retired";
  const { method, tool, prompt, resourceUri, heardOf, serverVersion } = call;
  const nowMs = clock.nowMs();
  const history = { ...noHistory, ...activity.facts(taskKey(identity), nowMs), taskOwner: identity.taskOwner ?? "" };
  const { enforced, result } = judge(plane, entry, identity, { method, tool, prompt, resourceUri, heardOf, args: undefined }, config.environment, nowMs, history, { state: control.state, serverVersion });
  return enforced === "deny" ? result.reason : null;
}
