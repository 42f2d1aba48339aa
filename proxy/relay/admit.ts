import type { Authentication, Identity } from "../identity/identity.ts";
import { presentedToken } from "../identity/oauth/presented-token.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { Exchange, RelayContext } from "./exchange.ts";
import { refusals, type Refusal } from "./refusal.ts";
import { unidentified } from "./token-refusal.ts";
import { continuesUnrecorded } from "./unrecorded.ts";

const SERVER_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * What is asked of every request before its body is read: can it be recorded, is there room, is it meant for this host,
 * who sends it, and to which server. Nothing of a stranger's body is ever read. A promise where an access token has to be
 * checked first.
 */
export function admit(exchange: Exchange, serverName: string): Refusal | null | Promise<Refusal | null> {
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

  const who = authenticate(exchange, serverName);
  return who instanceof Promise ? who.then((known) => identify(exchange, entry, known)) : identify(exchange, entry, who);
}

/** Who sends this, as far as its credential tells now. */
export function authenticate({ context, request }: Exchange, serverName: string): Authentication | Promise<Authentication> {
  const { headers, socket } = request;
  const { resourceServer } = context;
  const nowMs = context.clock.nowMs();
  const token = resourceServer ? presentedToken(headers.authorization, socket) : null;
  if (resourceServer && token !== null) return resourceServer.authenticate(token, serverName, nowMs);
  const apiKey = headers["x-api-key"];
  if (!headers.authorization && !apiKey) {
    const who = context.certificates?.authenticate(request, nowMs) ?? null;
    if (who !== null) return who;
  }
  return context.controlPlane().authenticator.authenticate(headers.authorization, typeof apiKey === "string" ? apiKey : undefined, nowMs, socket);
}

/** With the class of task that calls have whose credential names none. */
export function identityIn({ config }: Pick<RelayContext, "config">, identity: Identity): Identity {
  return identity.taskClass === "" ? { ...identity, taskClass: config.defaultTaskClass } : identity;
}

function identify({ call, context }: Exchange, entry: ServerEntry | null, who: Authentication): Refusal | null {
  if (!who.ok) return unidentified(context.resourceServer, entry, who.why);
  call.identity = identityIn(context, who.identity);
  call.entry = entry;
  return call.entry === null ? refusals.unknownServer : null;
}
