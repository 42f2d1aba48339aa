import { hashKey } from "../api-key.ts";

/** An access token as a request brought it, and the SHA-256 that it is known by. */
export interface PresentedToken {
  readonly token: string;
  readonly hash: string;
}

const MAX_TOKEN = 8192;
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;
/** Keys and tasks' tokens of our own, which no issuer is to see. */
const ownCredential = /^sb[xt]_/;

const ofConnections = new WeakMap<object, { readonly authorization: string; readonly presented: PresentedToken | null }>();

/**
 * The access token in an Authorization header; null where there is none. Every request of a connection brings the same one,
 * which is read and hashed once and remembered for as long as the connection is open.
 */
export function presentedToken(authorization: string | undefined, connection: object | undefined): PresentedToken | null {
  if (authorization === undefined || authorization.length > MAX_TOKEN) return null;
  const known = connection && ofConnections.get(connection);
  if (known?.authorization === authorization) return known.presented;
  const token = bearer.exec(authorization)?.[1];
  const presented = token === undefined || ownCredential.test(token) ? null : { token, hash: hashKey(token) };
  if (connection) ofConnections.set(connection, { authorization, presented });
  return presented;
}
