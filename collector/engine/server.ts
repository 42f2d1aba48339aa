import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { Stoppable } from "../kernel/lifecycle.ts";
import { SignalboxError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/log.ts";
import { engineConfigSchema, type EngineOptions, type EngineUser } from "./config.ts";
import type { Connection } from "./connections.ts";
import { openEngine, type Engine } from "./engine.ts";
import { EngineException, toException } from "./exceptions.ts";
import { readFrames } from "./frames.ts";
import { listenError } from "./preflight.ts";
import { sendError, sendResult } from "./respond.ts";
import { DISPLAY_NAME, run, type Running } from "./run.ts";
import { createSessions, type Sessions } from "./session.ts";
import { readParameters, type RequestParameters } from "./settings.ts";
import { createSlots, type Slots } from "./slots.ts";
import { decodedBody } from "./stage.ts";
import { authenticate, isLoopback, readCredentials, refuseBrowsers } from "./users.ts";

export interface EngineServer extends Stoppable {
  url: string;
  port: number;
}

/**
 * Opens the store's directory and answers ClickHouse's HTTP interface for it. Throws a SignalboxError where it cannot.
 * `stop` ends running queries and is done in two seconds.
 */
export async function createEngineServer(options: EngineOptions & { logger: Logger }): Promise<EngineServer> {
  const { logger, ...rest } = options;
  const config = engineConfigSchema.parse(rest);
  const open = config.users.some((user) => user.password === "");
  if (open && !isLoopback(config.host)) {
    throw new SignalboxError("E_ENGINE_OPEN", `The store will not listen on ${config.host} while a user has no password.`, {
      remedy: "Set a password for every user, or listen on 127.0.0.1.",
    });
  }
  const engine = await openEngine(config, logger);
  const sessions = createSessions(() => engine.connections.take(), config.limits.maxSessions);
  const slots = createSlots(config.limits);
  const front: Front = { engine, sessions, slots, running: new Set(), open };

  const server = createServer((request, response) => {
    void handle(front, request, response).catch((error: unknown) => {
      logger.error({ err: error }, "a store request failed");
      sendError(response, toException(error), { queryId: "", framed: false });
    });
  });
  // As ClickHouse's default; clients reuse a socket only for a shorter time than this.
  server.keepAliveTimeout = 10_000;
  // For all of a request's body to arrive: an upload holds one of the few places for queries.
  server.requestTimeout = 300_000;
  try {
    await new Promise<void>((done, fail) => {
      server.once("error", fail);
      server.listen(config.port, config.host, done);
    });
  } catch (cause) {
    await engine.stop();
    throw listenError(config.host, config.port, cause);
  }
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  let stopping: Promise<void> | undefined;
  return {
    url: `http://${host}:${port}`,
    port,
    stop() {
      stopping ??= stopFront(front, () => {
        server.close();
        server.closeAllConnections();
      });
      return stopping;
    },
  };
}

interface Front {
  engine: Engine;
  sessions: Sessions;
  slots: Slots;
  running: Set<string>;
  open: boolean;
}

async function stopFront(front: Front, closeServer: () => void): Promise<void> {
  closeServer();
  front.sessions.stop();
  await front.engine.stop();
}

async function handle(front: Front, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://store");
  response.setHeader("X-ClickHouse-Server-Display-Name", DISPLAY_NAME);
  const isGet = request.method === "GET" || request.method === "HEAD";
  if (isGet && (url.pathname === "/ping" || url.pathname === "/replicas_status")) return sendText(response, 200, "Ok.\n");
  if (url.pathname !== "/") return sendText(response, 404, `There is no handle ${url.pathname}\n`);
  if (!isGet && request.method !== "POST") return sendText(response, 405, "Use GET or POST.\n");
  if (isGet && url.search === "") return sendText(response, 200, "Ok.\n");
  const queryId = url.searchParams.get("query_id") || randomUUID();
  let framed = false;
  try {
    if (front.open) refuseBrowsers(request.headers);
    const parameters = readParameters(url.searchParams, front.engine.config.database);
    framed = parameters.framedResponse;
    const user = authenticate(
      front.engine.config.users,
      readCredentials(request.headers, { user: parameters.user, password: parameters.password }),
    );
    await answer(front, request, response, { ...parameters, queryId }, user, isGet);
  } catch (error) {
    sendError(response, toException(error), { queryId, framed });
    // The rest of a refused body is read and dropped, or the client would not see the answer while it still sends.
    request.resume();
  }
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/html; charset=UTF-8" }).end(text);
}

async function answer(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
  parameters: RequestParameters,
  user: EngineUser,
  isGet: boolean,
): Promise<void> {
  const { engine } = front;
  if (front.running.has(parameters.queryId)) {
    const message = `Query with id = ${parameters.queryId} is already running.`;
    throw EngineException.of("QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", message);
  }
  const gone = new AbortController();
  let running: Running | undefined;
  response.once("close", () => {
    if (response.writableFinished) return;
    gone.abort();
    running?.cancel();
  });
  front.running.add(parameters.queryId);
  try {
    const leave = await front.slots.take(gone.signal);
    try {
      const lease = await borrow(front, parameters, user);
      try {
        const decoded = decodedBody(request);
        const body = parameters.framedRequest ? Readable.from(readFrames(decoded), { objectMode: false }) : decoded;
        running = await run(engine, lease.connection, { parameters, user, isGet, body, signal: gone.signal }, lease.keeps);
        if (gone.signal.aborted) running.cancel();
        const { readonly, maxBufferedBytes } = engine.config.limits;
        await sendResult(request, response, running, {
          queryId: parameters.queryId,
          timezone: engine.timezone,
          compress: parameters.compressResponse,
          framed: parameters.framedResponse,
          waitEndOfQuery: parameters.waitEndOfQuery,
          maxBufferedBytes,
          maxResultBytes: user.access === "readonly" ? readonly.maxResultBytes : undefined,
        });
      } finally {
        await running?.release();
        lease.release();
      }
    } finally {
      leave();
    }
  } finally {
    front.running.delete(parameters.queryId);
  }
}

interface Lease {
  connection: Connection;
  keeps: boolean;
  release(): void;
}

/** A session's connection where the request names one, else a fresh one. A read-only user has nothing to keep in one. */
async function borrow(front: Front, parameters: RequestParameters, user: EngineUser): Promise<Lease> {
  if (parameters.sessionId !== "" && user.access === "full") {
    const key = `${user.name}\0${parameters.sessionId}`;
    const lease = await front.sessions.acquire(key, parameters.sessionTimeoutS, parameters.sessionCheck);
    return { ...lease, keeps: true };
  }
  const connection = await front.engine.connections.take();
  return { connection, keeps: false, release: () => connection.close() };
}
