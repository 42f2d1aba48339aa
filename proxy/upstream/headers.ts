import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { CALLER_HEADER, PRINCIPAL_HEADER } from "./host/hosted-path.ts";
import type { Upstream } from "./upstreams.ts";

/** What passes from the caller to the upstream besides `mcp-*`: nothing that says who the caller is. */
const passed = ["accept", "accept-language", "user-agent", "last-event-id"] as const;

/** Set anew where they are wanted: the session's id is ours to translate. */
const ours = new Set(["mcp-session-id"]);

/**
 * The headers of a forwarded request. An allow-list: credentials, cookies and whatever a later standard uses for them stay
 * here. The registry's own headers come last and win, so that no caller can stand in for them.
 */
export function requestHeaders(
  inbound: IncomingHttpHeaders,
  upstream: Upstream,
  extra: { sessionId: string; traceparent: string; hasBody: boolean; authorization: string | null; agent: string; principal: string },
): Record<string, string> {
  const out: Record<string, string> = { "accept-encoding": "identity", traceparent: extra.traceparent };
  for (const name of passed) {
    const value = inbound[name];
    if (typeof value === "string") out[name] = value;
  }
  for (const name in inbound) {
    if (!name.startsWith("mcp-") || ours.has(name)) continue;
    const value = inbound[name];
    if (typeof value === "string") out[name] = value;
  }
  if (extra.hasBody) out["content-type"] = "application/json";
  if (extra.sessionId !== "") out["mcp-session-id"] = extra.sessionId;
  if (extra.authorization !== null) out.authorization = extra.authorization;
  if (upstream.perPrincipal) out[PRINCIPAL_HEADER] = createHash("sha256").update(extra.principal).digest("base64url");
  if (upstream.hosted) out[CALLER_HEADER] = callerDigest(extra.agent, extra.principal);
  for (const name in upstream.headers) out[name] = upstream.headers[name]!;
  return out;
}

let last = { agent: "", principal: "", digest: "" };

function callerDigest(agent: string, principal: string): string {
  if (last.digest === "" || last.agent !== agent || last.principal !== principal) {
    last = { agent, principal, digest: createHash("sha256").update(JSON.stringify([agent, principal])).digest("base64url") };
  }
  return last.digest;
}

const returned = ["content-type", "content-length", "cache-control", "retry-after", "allow", "x-accel-buffering", "last-modified", "etag"] as const;

/**
 * The headers of a relayed answer. Not among them: cookies, which would reach every upstream behind this origin, and
 * WWW-Authenticate, which would send the caller to an authorization server that is not ours.
 */
export function responseHeaders(upstream: IncomingHttpHeaders): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of returned) {
    const value = upstream[name];
    if (typeof value === "string") out[name] = value;
  }
  for (const name in upstream) {
    if (!name.startsWith("mcp-") || ours.has(name)) continue;
    const value = upstream[name];
    if (typeof value === "string") out[name] = value;
  }
  return out;
}
