import type { Authentication, Identity } from "../identity/identity.ts";
import type { ResourceServer } from "../identity/oauth/resource-server.ts";
import { toolFacts } from "../registry/callable.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import * as rpc from "../transport/rpc-error.ts";
import { refusal, refusals, type Refusal } from "./refusal.ts";

type Why = Extract<Authentication, { ok: false }>["why"];

const words = {
  token_invalid: "The access token is not accepted here.",
  token_expired: "The access token has expired.",
  token_audience: "The access token was issued for another resource.",
} as const;

/**
 * The refusal of a caller who is not known. Where access tokens are accepted it says where one is to be had (RFC 9728), as
 * long as the server is one that tokens are issued for.
 */
export function unidentified(resourceServer: ResourceServer | undefined, entry: ServerEntry | null, why: Why): Refusal {
  switch (why) {
    case "unavailable":
      return refusals.identityUnavailable;
    case "task_closed":
    case "task_expired": {
      const { message, ...rest } = why === "task_closed" ? refusals.taskClosed : refusals.taskExpired;
      return challenged({ message, ...rest }, resourceServer, entry, message);
    }
    case "token_invalid":
    case "token_expired":
    case "token_audience":
      return challenged(refusal(401, rpc.UNAUTHENTICATED, why, words[why]), resourceServer, entry, words[why]);
    default:
      // RFC 6750, 3.1: who sent no token is told of no error in it.
      return challenged(refusals.unauthenticated, resourceServer, entry);
  }
}

function challenged(refused: Refusal, resourceServer: ResourceServer | undefined, entry: ServerEntry | null, description?: string): Refusal {
  if (!resourceServer || entry === null) return refused;
  const challenge = resourceServer.challenge(entry.name, description === undefined ? {} : { error: "invalid_token", description });
  return { ...refused, headers: { ...refused.headers, "www-authenticate": challenge } };
}

/**
 * The refusal of a call whose token lacks scopes: it names all that the call needs, so that the client asks once (RFC 6750,
 * 3.1; MCP, scope challenge handling). Null where none is missing.
 */
export function scopeRefusal(resourceServer: ResourceServer | undefined, identity: Identity, entry: ServerEntry, tool: string): Refusal | null {
  const scopes = resourceServer?.missingScopes(identity, entry.name, tool === "" ? "" : toolFacts(entry, tool).effect);
  if (!resourceServer || !scopes) return null;
  const message = "The access token lacks a scope that this needs.";
  const challenge = resourceServer.challenge(entry.name, { error: "insufficient_scope", description: message, scopes });
  return refusal(403, rpc.INSUFFICIENT_SCOPE, "insufficient_scope", message, { "www-authenticate": challenge });
}
