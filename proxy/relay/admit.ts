import type { Exchange } from "./exchange.ts";
import { refusals, type Refusal } from "./refusal.ts";
import { continuesUnrecorded } from "./unrecorded.ts";

const SERVER_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * What is asked of every request before its body is read: can it be recorded, is there room, is it meant for this host,
 * who sends it, and to which server. Nothing of a stranger's body is ever read.
 */
export function admit(exchange: Exchange, serverName: string): Refusal | null {
  const { call, context, request } = exchange;
  const { headers } = request;
  const plane = context.controlPlane();
  call.clientAddress = request.socket.remoteAddress ?? "";
  call.environment = context.config.environment;
  call.registryRevision = plane.registry.revision;
  call.policyVersion = plane.policies.version;
  // A name that no server can have is a stranger's text; it stays out of the record.
  if (SERVER_NAME.test(serverName)) call.serverName = serverName;

  const entry = plane.registry.servers.get(serverName) ?? null;
  if (!context.audit.available && !continuesUnrecorded(context.config, entry)) return refusals.auditUnavailable;
  if (context.active.closed) return refusals.stopping;
  if (context.active.size > context.config.maxInFlight) return refusals.overloaded;
  if (!context.hosts.allows(headers.host, headers.origin)) return refusals.badOrigin;

  const apiKey = headers["x-api-key"];
  const who = plane.authenticator.authenticate(headers.authorization, typeof apiKey === "string" ? apiKey : undefined, context.clock.nowMs(), request.socket);
  if (!who.ok) return who.why === "task_closed" ? refusals.taskClosed : who.why === "task_expired" ? refusals.taskExpired : refusals.unauthenticated;
  call.identity = who.identity.taskClass === "" ? { ...who.identity, taskClass: context.config.defaultTaskClass } : who.identity;
  call.entry = entry;
  return call.entry === null ? refusals.unknownServer : null;
}
