import type { FastifyInstance } from "fastify";

/** Sent with every answer. Nothing inline runs; the nonce of a page is for the styles that the SQL editor makes. */
const policy = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    // The browser itself writes such attributes while somebody edits in the SQL box; they can't run anything.
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

export function securityHeaders(nonce: string): Record<string, string> {
  return {
    "content-security-policy": policy(nonce),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  };
}

/** The header that every POST must carry: a form or an image of another site can't set it without asking first. */
export const csrfHeader = "x-signalbox-console";

/**
 * Refuses what another site could make a browser send: a Host that is not ours (DNS rebinding), and a change without our
 * header or from a foreign Origin.
 */
export function guardRequests(app: FastifyInstance, allowedHosts: readonly string[]): void {
  app.addHook("onRequest", async (request, reply) => {
    const host = request.headers.host ?? "";
    if (!isOurs(host, allowedHosts)) return reply.code(403).send({ error: "this host name is not served here", remedy: "add it to dashboards.allowedHosts" });
    if (request.method === "GET" || request.method === "HEAD") return;
    const origin = request.headers.origin;
    const foreign = origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
    const site = request.headers["sec-fetch-site"];
    if (foreign || site === "cross-site" || request.headers[csrfHeader] === undefined) {
      return reply.code(403).send({ error: "changes are accepted from the console's own pages only" });
    }
  });
}

function isOurs(hostHeader: string, allowed: readonly string[]): boolean {
  if (allowed.includes(hostHeader)) return true;
  const name = hostHeader.startsWith("[") ? hostHeader.slice(0, hostHeader.indexOf("]") + 1) : (hostHeader.split(":")[0] ?? "");
  return name === "localhost" || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name) || allowed.includes(name);
}
