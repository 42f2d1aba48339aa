import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/log.ts";
import { decode } from "./decode.ts";
import { decompress } from "./decompress.ts";
import { contentTypes, encodingOf, statusBody, successBody, type Encoding } from "./encoding.ts";
import { InFlight } from "./in-flight.ts";
import { REQUEST_TIMEOUT_MS, RETRY_AFTER_SECONDS, type ReceiveLimits } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { BATCH_HEADER, deduplicationToken, isBatchName } from "./token.ts";
import type { TraceBlock } from "./trace-block.ts";
import { describeStoreError, type TraceStore } from "./trace-store.ts";

export interface ReceiverDeps {
  readonly store: TraceStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ReceiveLimits;
}

type Place = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * OTLP/HTTP for traces. Success is answered only after the store has acknowledged the insert; whatever keeps it from doing
 * so is answered 503, which every sender repeats, because a span that a sender drops is a hole in the audit.
 */
export function createReceiver(deps: ReceiverDeps): FastifyInstance {
  const { store, clock, logger, limits } = deps;
  const inFlight = new InFlight(limits.maxInFlight);
  const places = new WeakMap<FastifyRequest, Place>();
  const counts = { requests: 0, stored: 0, rejected: 0, refused: 0 };

  const app = Fastify({ bodyLimit: limits.maxBodyBytes, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: "idle" });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  // A request that is answered while the receiver closes must not leave its connection open: closing waits for it.
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
  });
  app.addHook("onSend", async (_request, reply) => {
    if (closing) reply.header("connection", "close");
  });

  app.setErrorHandler((error: FastifyError | Refusal, request, reply) => {
    counts.refused++;
    const refusal = error instanceof Refusal ? error : asRefusal(error, limits);
    if (refusal.status >= 500) logger.error({ err: refusal.message }, "a request was not stored");
    else logger.debug({ status: refusal.status, err: refusal.message }, "a request was refused");
    return refuse(reply, request, refusal);
  });
  app.setNotFoundHandler((request, reply) => refuse(reply, request, new Refusal(404, "nothing here; spans go to POST /v1/traces")));

  app.route({
    method: "POST",
    url: "/v1/traces",
    onRequest: async (request, reply) => {
      const place = inFlight.enter(reply.raw);
      if (place === undefined) throw busy(limits);
      places.set(request, place);
    },
    handler: async (request, reply) => {
      const place = places.get(request);
      if (place === undefined) throw busy(limits);
      const encoding = encodingOf(request.headers["content-type"]);
      if (encoding === undefined) throw new Refusal(415, `content-type must be ${contentTypes.protobuf} or ${contentTypes.json}`);
      const batchName = batchNameOf(request);
      const block = await place(() => receive(request, encoding, batchName));
      counts.requests++;
      counts.stored += block.rows;
      counts.rejected += block.rejected;
      return reply.type(contentTypes[encoding]).send(successBody(encoding, block.rejected, block.firstProblem));
    },
  });
  app.route({
    method: ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"],
    url: "/v1/traces",
    handler: async (request, reply) => refuse(reply.header("allow", "POST"), request, new Refusal(405, "spans are sent with POST")),
  });
  for (const signal of ["logs", "metrics"]) {
    app.post(`/v1/${signal}`, async (request, reply) => {
      return refuse(reply, request, new Refusal(404, `this collector stores traces only, no ${signal}; switch that exporter off`));
    });
  }

  app.get("/healthz", async () => ({ status: "ok", inFlight: inFlight.taken, ...counts }));
  app.get("/readyz", async (_request, reply) => {
    const problem = await store.problem();
    return problem === undefined ? { status: "ready" } : reply.code(503).send({ status: "not ready", problem });
  });
  return app;

  async function receive(request: FastifyRequest, encoding: Encoding, batchName: string | undefined): Promise<TraceBlock> {
    const sent = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const body = await decompress(sent, request.headers["content-encoding"], limits.maxDecompressedBytes);
    const block = decode(body, encoding, limits);
    if (block.rejected > 0) logger.warn({ rejected: block.rejected, stored: block.rows, problem: block.firstProblem }, "spans were rejected");
    // A numbered batch is stored whole or not at all: half of it would be stored again when its sender looks for the bad
    // span with smaller batches, each with a name of its own.
    if (block.rejected > 0 && batchName !== undefined) throw new Refusal(400, block.firstProblem ?? "a span cannot be stored");
    if (block.rows > 0) await insert(block, batchName);
    return block;
  }

  async function insert(block: TraceBlock, batchName: string | undefined): Promise<void> {
    const startedNs = clock.monotonicNs();
    try {
      await store.insert(block, deduplicationToken(block, batchName));
    } catch (error) {
      throw new Refusal(503, describeStoreError(error), { retryAfterSeconds: RETRY_AFTER_SECONDS.storeDown, cause: error });
    }
    logger.debug({ spans: block.rows, batch: batchName, ms: Number(clock.monotonicNs() - startedNs) / 1e6 }, "stored");
  }
}

function batchNameOf(request: FastifyRequest): string | undefined {
  const name = request.headers[BATCH_HEADER];
  if (name === undefined) return undefined;
  if (typeof name === "string" && isBatchName(name)) return name;
  throw new Refusal(400, `${BATCH_HEADER} must read producer:first-last`);
}

function refuse(reply: FastifyReply, request: FastifyRequest, refusal: Refusal): FastifyReply {
  const encoding = encodingOf(request.headers["content-type"]) ?? "json";
  if (refusal.retryAfterSeconds !== undefined) reply.header("retry-after", refusal.retryAfterSeconds);
  return reply.code(refusal.status).type(contentTypes[encoding]).send(statusBody(encoding, refusal.status, refusal.message));
}

const busy = (limits: ReceiveLimits): Refusal =>
  new Refusal(429, `${limits.maxInFlight} requests are in progress`, { retryAfterSeconds: RETRY_AFTER_SECONDS.busy });

/** What fastify refuses by itself, in the protocol's words. */
function asRefusal(error: FastifyError, limits: ReceiveLimits): Refusal {
  const status = error.statusCode ?? 500;
  if (status === 413) return new Refusal(413, `the body exceeds ${limits.maxBodyBytes} bytes`);
  if (status >= 400 && status < 500) return new Refusal(status, error.message);
  return new Refusal(500, "the collector failed", { cause: error });
}
