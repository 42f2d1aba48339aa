import { randomUUID } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import type { AuditLog } from "../collector/audit/audit-log.ts";
import type { Clock } from "../collector/kernel/clock.ts";
import type { Logger } from "../collector/kernel/log.ts";
import type { PayloadSink } from "../collector/payload/payload.ts";
import { ownUrl, type ProxyConfig } from "./config.ts";
import type { ControlPlane } from "./control-plane.ts";
import { createTaskActivity, taskKey, type TaskActivity } from "./handling/flow/index.ts";
import { createResultHandling } from "./handling/index.ts";
import type { QuarantineStore } from "./handling/quarantine-store.ts";
import { createClientCertificates } from "./identity/client-certificates.ts";
import type { ResourceServer } from "./identity/oauth/resource-server.ts";
import { protectedResourceMetadata } from "./identity/oauth/routes.ts";
import { Limiter } from "./limits/limiter.ts";
import { shareLimits } from "./limits/share-limits.ts";
import { peopleApi } from "./people/api.ts";
import type { HeldArguments } from "./people/held-arguments.ts";
import { registryApi } from "./registry/api.ts";
import { ActiveExchanges } from "./relay/active.ts";
import { recordDenials } from "./relay/denial-records.ts";
import { Digester } from "./relay/digest.ts";
import type { RelayContext } from "./relay/exchange.ts";
import type { AnswerHandling } from "./relay/answer-handling.ts";
import { callPayloads } from "./relay/payloads.ts";
import { recheckStreams } from "./relay/recheck.ts";
import { relay } from "./relay/relay.ts";
import { createSseTransport, type SsePeers } from "./relay/sse/sse-transport.ts";
import { SessionBinding } from "./relay/session-binding.ts";
import { controlApi, type ControlApiOptions } from "./state/api.ts";
import type { Control } from "./state/command.ts";
import { createHints } from "./relay/hints.ts";
import { createListFilter } from "./relay/list-filter.ts";
import { createToolListJudge } from "./relay/tool-list.ts";
import { createHostCheck } from "./transport/host-check.ts";
import type { TlsOptions } from "./transport/tls.ts";
import type { UpstreamCredentials } from "./upstream/credentials/credentials.ts";
import type { Upstreams } from "./upstream/upstreams.ts";

export interface ProxyDeps {
  readonly config: ProxyConfig;
  /** What is in force now; asked for every message. */
  readonly controlPlane: () => ControlPlane;
  /** Tasks, stops, approvals and the like, as they are now. */
  readonly control: Control;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 32 random bytes of this installation, the same for all its workers. */
  readonly digestKey: Buffer;
  readonly upstreams: Upstreams;
  readonly credentials?: UpstreamCredentials;
  readonly heldArguments: HeldArguments;
  /** Where results wait for a person; absent, what would be quarantined is blocked. */
  readonly quarantine?: QuarantineStore;
  /** What is done to answers; absent, they pass as they are. */
  readonly handling?: AnswerHandling;
  /** Takes what is to be kept of what calls say; absent, nothing is. */
  readonly payloads?: PayloadSink;
  /** Accepts access tokens; absent, only keys and tasks' tokens are credentials. */
  readonly resourceServer?: (publicUrl: () => string) => ResourceServer;
  /** Absent, the app speaks plain HTTP. */
  readonly tls?: TlsOptions;
  /** How workers that share a port reach each other's clients of 2024-11-05; absent where there is one worker. */
  readonly ssePeers?: SsePeers;
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
/** How often the other workers hear of calls that nothing else made worth telling at once. */
const ACTIVITY_FLUSH_MS = 250;
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
  const digester = new Digester(deps.digestKey);
  const activity = createTaskActivity({ digester, control: deps.control, clock: deps.clock });
  const limiter = new Limiter({ limits: () => deps.controlPlane().limits, origin: randomUUID() });
  const sharing = shareLimits({ limiter, control: deps.control, clock: deps.clock });
  const denials = recordDenials({ ...deps, breaker: deps.config.denialBreaker, riskTierOf: (server) => deps.controlPlane().registry.servers.get(server)?.riskTier ?? "" });
  const publicUrl = (): string => deps.config.publicUrl ?? ownUrl({ ...deps.config, port: (app.server.address() as AddressInfo | null)?.port ?? deps.config.port });
  const resourceServer = deps.resourceServer?.(publicUrl);
  const context: RelayContext = {
    ...deps,
    digester,
    activity,
    handling: deps.handling ?? resultHandling(deps, digester, activity),
    enter: (facts, nowMs) => {
      const entered = limiter.enter(facts, nowMs);
      sharing.nudge();
      return entered;
    },
    denials,
    payloads: deps.payloads && callPayloads(deps.payloads, deps.logger),
    hints: createHints({ ...deps, environment: deps.config.environment }),
    sessions: new SessionBinding(deps.digestKey),
    hosts: createHostCheck(deps.config),
    resourceServer,
    certificates: deps.config.clientCertificates && createClientCertificates(deps.config.clientCertificates),
    active,
  };
  const app = Fastify({
    logger: false,
    forceCloseConnections: true,
    // A name of any length is refused by the relay, which records it.
    routerOptions: { maxParamLength: HEADER_BYTES },
    serverFactory: (handler) =>
      createListener(deps.tls, (request, response) => {
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
    // Before fastify looks at the content type: what it would answer by itself has no record.
    onRequest(request, reply) {
      reply.hijack();
      void relay(context, request.params.server, request.raw, reply.raw);
    },
    handler: () => undefined,
  });
  app.route({
    method: ["PUT", "PATCH", "OPTIONS"],
    url: "/mcp/:server",
    handler: (_request, reply) => reply.code(405).header("allow", "GET, POST, DELETE").send(),
  });

  const sse = createSseTransport({ context, publicPath: deps.config.publicUrl === undefined ? "" : new URL(deps.config.publicUrl).pathname.replace(/\/+$/, ""), peers: deps.ssePeers });
  app.get<{ Params: { server: string } }>("/mcp/:server/sse", { exposeHeadRoute: false }, (request, reply) => {
    reply.hijack();
    void sse.open(request.params.server, request.raw, reply.raw);
  });
  app.post<{ Params: { server: string } }>("/mcp/:server/messages", (request, reply) => {
    reply.hijack();
    void sse.post(request.params.server, request.raw, reply.raw);
  });
  app.addHook("onReady", () => sse.listen());

  void app.register(registryApi, {
    registry: () => deps.controlPlane().registry,
    publicUrl,
    environment: deps.config.environment,
    nowMs: () => deps.clock.nowMs(),
    allows: (host, origin) => context.hosts.allows(host, origin),
  });
  if (resourceServer) {
    void app.register(protectedResourceMetadata, { resourceServer, registry: () => deps.controlPlane().registry, allows: (host, origin) => context.hosts.allows(host, origin) });
  }
  const controlOptions: ControlApiOptions = {
    control: deps.control,
    authenticate: (authorization, apiKey, nowMs) => deps.controlPlane().authenticator.authenticate(authorization, apiKey, nowMs),
    hosts: context.hosts,
    clock: deps.clock,
    logger: deps.logger,
  };
  void app.register(controlApi, controlOptions);
  const { quarantine } = deps;
  void app.register(peopleApi, { ...controlOptions, heldArguments: deps.heldArguments, ...(quarantine ? { quarantine: { read: (id) => quarantine.read(id, deps.clock.nowMs()), remove: (id) => quarantine.remove(id) } } : {}) });
  const flushing = setInterval(() => activity.flush(deps.clock.nowMs()), ACTIVITY_FLUSH_MS).unref();
  const rechecking = recheckStreams(context, deps.config.streamCheckMs);
  const forgetting = deps.control.onEntry(({ event }) => {
    if (event.kind === "task.closed" || event.kind === "external_task.closed") activity.forget(event.taskId);
  });
  app.addHook("onClose", async () => {
    await sse.stop();
    clearInterval(flushing);
    await rechecking.stop();
    forgetting();
    activity.stop();
    await sharing.stop();
    await denials.stop();
    await resourceServer?.stop();
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

/** Whose certificate nobody vouches for gets a connection all the same, and is nobody: an answer tells more than a broken handshake. */
function createListener(tls: TlsOptions | undefined, listener: RequestListener): Server {
  if (!tls) return createServer(limits, listener);
  const options = { ...limits, ...tls, handshakeTimeout: HEADERS_TIMEOUT_MS, minVersion: "TLSv1.2", requestCert: tls.ca !== undefined, rejectUnauthorized: false } as const;
  return createTlsServer(options, listener) as unknown as Server;
}

/** Answers are inspected, lists of tools judged, and what an agent is given to read is noted for its later calls. */
function resultHandling(deps: ProxyDeps, digester: Digester, activity: TaskActivity): AnswerHandling {
  const { control, clock, logger, quarantine, config, controlPlane } = deps;
  const { environment } = config;
  const judgeTools = createToolListJudge({ control, environment, logger });
  const filter = createListFilter({ control, clock, environment, controlPlane });
  return createResultHandling({
    control,
    digester,
    clock,
    logger,
    quarantine,
    list: async (call, result) => {
      const judged = await judgeTools(call, result);
      const { result: shown, hidden } = filter(call, judged ?? result);
      return { result: shown, withheld: judged !== null, findings: [...(judged === null ? [] : ["tools:withheld"]), ...(hidden > 0 ? ["list:hidden"] : [])] };
    },
    noteRead({ identity, entry }, { trusted, texts }, callId) {
      if (identity === null || entry === null) return;
      const seq = Number(callId.slice(callId.lastIndexOf("-") + 1));
      activity.noteResult(taskKey(identity), { seq, trusted, dataDomains: entry.dataDomains, texts: texts() }, clock.nowMs());
    },
  });
}
