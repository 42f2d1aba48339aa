import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Authentication } from "../identity/identity.ts";
import { stopFor } from "../state/stops.ts";
import * as rpc from "../transport/rpc-error.ts";
import { authenticate } from "./admit.ts";
import type { Exchange, RelayContext } from "./exchange.ts";
import type { Refusal } from "./refusal.ts";

const ended = (status: number, code: number, errorType: string, message: string): Refusal => ({ status, code, message, outcome: "interrupted", errorType });

const notLetIn = ended(401, rpc.UNAUTHENTICATED, "unauthenticated", "The credential that this stream was opened with is no longer valid.");
const stopped = ended(403, rpc.DENIED, "stopped", "Stopped by an operator.");

/**
 * Ends open streams whose caller would not be let in any more: a token that expired, a key that was revoked, a task that
 * was closed, a stop. A call is asked about when it comes; a stream comes once and may stay for days.
 */
export function recheckStreams({ active }: Pick<RelayContext, "active">, everyMs: number): Stoppable {
  const timer = setInterval(() => active.longLived.forEach(recheck), everyMs).unref();
  return { stop: async () => clearInterval(timer) };
}

function recheck(exchange: Exchange): void {
  const who = authenticate(exchange, exchange.call.serverName);
  if (who instanceof Promise) void who.then((known) => end(exchange, known));
  else end(exchange, who);
}

function end(exchange: Exchange, who: Authentication): void {
  // Nothing is known of a token whose issuer is away; it is asked about again the next time.
  if (!who.ok) return who.why === "unavailable" ? undefined : exchange.interrupt(notLetIn);
  const { call, context } = exchange;
  const stop = stopFor(context.control.state, { agent: who.identity.agent, server: call.serverName, tool: call.tool, taskId: who.identity.taskId });
  if (stop) exchange.interrupt(stopped);
}
