import { createServer } from "node:http";
import Fastify, { type FastifyInstance } from "fastify";
import type { AuditLog } from "../collector/audit/audit-log.ts";
import type { Clock } from "../collector/kernel/clock.ts";
import type { Logger } from "../collector/kernel/log.ts";
import type { ProxyConfig } from "./config.ts";
import type { ControlPlane } from "./control-plane.ts";
import { ActiveExchanges } from "./relay/active.ts";
import { Digester } from "./relay/digest.ts";
import type { RelayContext } from "./relay/exchange.ts";
import { relay } from "./relay/relay.ts";
import { SessionBinding } from "./relay/session-binding.ts";
import { createHostCheck } from "./transport/host-check.ts";
import type { Upstreams } from "./upstream/upstreams.ts";

export interface ProxyDeps {
  readonly config: ProxyConfig;
  /** What is in force now; asked for every message. */
  readonly controlPlane: () => ControlPlane;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 32 random bytes of this installation, the same for all its workers. */
  readonly digestKey: Buffer;
  readonly upstreams: Upstreams;
}

declare module "fastify" {
  interface FastifyInstance {
    /**
     * Ends what is under way: waits up to `graceMs`, then breaks off the rest, each with its record. Call before `close`.
     * May be called twice.
     */
    drain(graceMs: number): Promise<void>;
  }
}

const HEADER_BYTES = 16 * 1024;
/** Within these times a client must have sent its headers and its whole request: a slow one must not hold a place. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;

const limits = {
  maxHeaderSize: HEADER_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: 5000,
} as const;
/** How long the records of what was broken off may take to reach the disk. */
const RECORDING_MS = 1000;

const PLAIN_TARGET = /^\/mcp\/([a-z0-9-]+)$/;

/**
 * The server that a request's target names when it is spelled plainly, as every call's is. Such a call skips the router and
 * its hooks, of which it uses none and which cost a twentieth of it; any other spelling takes the way through fastify and
 * ends in the same relay.
 */
const plainServerName = (target: string): string | null => PLAIN_TARGET.exec(target)?.[1] ?? null;

/** The enforcing proxy as a fastify app. It does not listen, and owns none of its dependencies. */
export function createProxyApp(deps: ProxyDeps): FastifyInstance {
  const active = new ActiveExchanges();
  const context: RelayContext = {
    ...deps,
    digester: new Digester(deps.digestKey),
    sessions: new SessionBinding(deps.digestKey),
    hosts: createHostCheck(deps.config),
    active,
  };
  const app = Fastify({
    logger: false,
    forceCloseConnections: true,
    serverFactory: (handler) =>
      createServer(limits, (request, response) => {
        const server = request.method === "POST" ? plainServerName(request.url ?? "") : null;
        if (server === null) handler(request, response);
        else void relay(context, server, request, response);
      }),
  });
  // Bodies are read by the relay, within its own limits and with a record for what goes beyond them.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));

  app.route<{ Params: { server: string } }>({
    method: ["POST", "GET", "DELETE"],
    url: "/mcp/:server",
    exposeHeadRoute: false,
    handler(request, reply) {
      reply.hijack();
      void relay(context, request.params.server, request.raw, reply.raw);
    },
  });
  app.route({
    method: ["PUT", "PATCH", "OPTIONS"],
    url: "/mcp/:server",
    handler: (_request, reply) => reply.code(405).header("allow", "GET, POST, DELETE").send(),
  });

  app.get("/healthz", (_request, reply) => reply.send({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    const ready = !active.closed && deps.audit.available;
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : active.closed ? "stopping" : "audit_unavailable" });
  });

  app.decorate("drain", async (graceMs: number) => {
    active.closed = true;
    // A listening stream would only be waited for in vain.
    active.interrupt((exchange) => exchange.longLived);
    await active.empty(graceMs);
    active.interrupt();
    await active.empty(RECORDING_MS);
  });
  return app;
}
