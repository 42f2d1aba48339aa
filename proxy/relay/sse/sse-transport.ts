import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Client } from "undici";
import { readBody } from "../../transport/read-body.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import { admit } from "../admit.ts";
import { Call } from "../call.ts";
import { Exchange, type RelayContext } from "../exchange.ts";
import { govern } from "../govern.ts";
import { refusals } from "../refusal.ts";
import { isJson, relay } from "../relay.ts";
import { createLocalEndpoint } from "./local-endpoint.ts";
import { SseSession } from "./sse-session.ts";

export interface SsePeers {
  /** This worker's own name among the others. */
  readonly slot: string;
  /** Where a worker takes the messages that were posted to another one. */
  socketOf(slot: string): string;
}

export interface SseTransport extends Stoppable {
  /** `GET /mcp/{server}/sse`: a stream, for as long as its client likes. Never rejects. */
  open(server: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** `POST /mcp/{server}/messages`: one message of such a client. Never rejects. */
  post(server: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Takes messages of clients whose stream is here and whose connection is another worker's. */
  listen(): Promise<void>;
}

const REVISION = "2024-11-05";
const MESSAGES = /^\/mcp\/([a-z0-9-]{1,63})\/messages\?/;

/**
 * The HTTP+SSE transport of 2024-11-05 toward agents. Each message that is posted becomes a request to the worker's own
 * Streamable HTTP endpoint, so that it is judged and recorded by the one relay there is.
 */
export function createSseTransport({ context, publicPath, peers }: { context: RelayContext; publicPath: string; peers?: SsePeers | undefined }): SseTransport {
  const sessions = new Map<string, SseSession>();
  const own = peers?.slot ?? "0";
  // Never listens: it is given connections that are pipes in memory.
  const local = createServer((request, response) => void relay(context, (request.url ?? "").slice(1), request, response));
  let peerServer: Server | null = null;
  let stopping: Promise<void> | undefined;

  async function open(server: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = start(request, response, "transport/stream");
    try {
      const refused = await admit(exchange, server);
      if (refused) return await exchange.refuse(refused);
      const { entry, identity, clientAddress } = exchange.call;
      if (entry === null || identity === null || !(await govern(exchange, entry, identity))) return;
      if (response.destroyed) return void exchange.record({ outcome: "cancelled", errorType: "cancelled", httpStatus: 0 }).durable.catch(() => {});
      const endpoint = createLocalEndpoint({ server: local, path: `/${server}`, address: clientAddress });
      const session: SseSession = new SseSession(exchange, identity, endpoint, own, () => sessions.delete(session.id));
      sessions.set(session.id, session);
      exchange.longLived = true;
      exchange.upstreamCall = session;
      session.open(`${publicPath}/mcp/${server}/messages`);
    } catch (error) {
      failed(exchange, error);
    }
  }

  async function post(server: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = start(request, response, "transport/post");
    try {
      const refused = await admit(exchange, server);
      if (refused) return await exchange.refuse(refused);
      const { identity } = exchange.call;
      const id = new URL(request.url ?? "", "http://worker").searchParams.get("sessionId") ?? "";
      const slot = id.slice(0, id.indexOf("-"));
      if (peers && slot !== own && /^\d{1,4}$/.test(slot)) return await handOver(peers.socketOf(slot), exchange);
      const session = sessions.get(id);
      if (!session || identity === null || !session.isOf(identity, server)) return await exchange.refuse(refusals.noSession);
      if (!isJson(request.headers["content-type"])) return await exchange.refuse(refusals.mediaType);
      const body = await readWhole(exchange);
      if (body === null) return;
      await session.receive(body, senderHeaders(request));
      exchange.send(202, "Accepted", { "content-type": "text/plain" });
    } catch (error) {
      failed(exchange, error);
    }
  }

  function start(request: IncomingMessage, response: ServerResponse, method: string): Exchange {
    const exchange = new Exchange(context, new Call(context.clock), request, response);
    exchange.call.method = method;
    exchange.call.protocolVersion = REVISION;
    return exchange;
  }

  function failed(exchange: Exchange, error: unknown): void {
    context.logger.error({ err: error }, "the transport of 2024-11-05 failed");
    exchange.response.destroy();
  }

  /** The stream is another worker's. That one asks everything anew, and answers. */
  async function handOver(socketPath: string, exchange: Exchange): Promise<void> {
    const { request } = exchange;
    const body = await readWhole(exchange);
    if (body === null) return;
    const contentType = request.headers["content-type"];
    const client = new Client("http://worker", { socketPath, headersTimeout: 0, bodyTimeout: 0 });
    try {
      const answer = await client.request({ path: request.url ?? "", method: "POST", headers: { ...senderHeaders(request), ...(contentType ? { "content-type": contentType } : {}) }, body });
      const text = await answer.body.text();
      exchange.send(answer.statusCode, text, { "content-type": String(answer.headers["content-type"] ?? "text/plain") });
    } catch (error) {
      context.logger.debug({ err: error }, "a message could not be handed to the worker that has its stream");
      // A worker that has gone took its streams with it.
      await exchange.refuse(refusals.noSession);
    } finally {
      await client.destroy();
    }
  }

  async function readWhole(exchange: Exchange): Promise<Buffer | null> {
    const body = await readBody(exchange.request, context.config.maxBodyBytes);
    if (body.kind === "whole") return body.bytes;
    if (body.kind === "too_large") await exchange.refuse(refusals.tooLarge);
    else exchange.record({ outcome: "cancelled", errorType: "cancelled", httpStatus: 0 }).durable.catch(() => {});
    return null;
  }

  return {
    open,
    post,
    async listen() {
      if (!peers) return;
      const path = peers.socketOf(own);
      rmSync(path, { force: true });
      const server = createServer((request, response) => {
        const name = request.method === "POST" ? MESSAGES.exec(request.url ?? "")?.[1] : undefined;
        if (name === undefined) response.writeHead(404).end();
        else void post(name, request, response);
      });
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ path, exclusive: true }, resolve));
      chmodSync(path, 0o600);
      peerServer = server;
    },
    stop: () => (stopping ??= stop()),
  };

  async function stop(): Promise<void> {
    for (const session of sessions.values()) session.clientGone();
    peerServer?.close();
    peerServer?.closeAllConnections();
    if (peers && peerServer) rmSync(peers.socketOf(own), { force: true });
    local.closeAllConnections();
  }
}

const passed = ["authorization", "x-api-key", "host", "origin", "user-agent", "accept-language", "traceparent"] as const;

/** Who sends the message, as the relay is to judge it: each brings its own credential. */
function senderHeaders({ headers }: IncomingMessage): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of passed) {
    const value = headers[name];
    if (typeof value === "string") out[name] = value;
  }
  return out;
}
