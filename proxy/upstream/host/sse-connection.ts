import { Pool } from "undici";
import type { Logger } from "../../../collector/kernel/log.ts";
import { EventReader, type ServerSentEvent } from "../../transport/event-reader.ts";
import { isObject, type JsonObject } from "../../transport/envelope.ts";
import { UPSTREAM_FAILED } from "../../transport/rpc-error.ts";
import type { Child } from "./child.ts";

export interface SseConnectionOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly onMessage: (message: JsonObject) => void;
  readonly logger: Logger;
  readonly maxLineBytes: number;
}

const CONNECT_TIMEOUT_MS = 5000;
/** How long a server may take to say where messages go, and to take one. */
const ENDPOINT_MS = 10_000;
const ACCEPT_MS = 30_000;
/** Messages that the server has not taken yet. */
const MAX_WAITING = 1024;

/**
 * A server that speaks the HTTP+SSE transport of 2024-11-05, as if it were a child: one stream that it answers on, and a URL
 * that messages are posted to. That URL is the server's choice within its own origin: our credential goes nowhere else.
 */
export function openSse(options: SseConnectionOptions): Child {
  const { url, logger, onMessage } = options;
  const pool = new Pool(url.origin, { connections: null, connectTimeout: CONNECT_TIMEOUT_MS, headersTimeout: ENDPOINT_MS, bodyTimeout: 0 });
  const headers = { ...options.headers, "accept-encoding": "identity" };
  const over = new AbortController();
  const messagesAt = Promise.withResolvers<string>();
  messagesAt.promise.catch(() => undefined);
  let turn: Promise<unknown> = messagesAt.promise.catch(() => undefined);
  let waiting = 0;

  const exited = listen().then(
    () => logger.info("a server ended its stream"),
    (error: unknown) => {
      if (!over.signal.aborted) logger.warn({ err: error }, "a server's stream failed");
    },
  ).then(async () => {
    over.abort();
    messagesAt.reject(new Error("the stream is over"));
    await pool.destroy();
  });

  async function listen(): Promise<void> {
    const late = setTimeout(() => over.abort(), ENDPOINT_MS);
    try {
      const { statusCode, headers: answered, body } = await pool.request({ path: url.pathname + url.search, method: "GET", headers: { ...headers, accept: "text/event-stream" }, signal: over.signal });
      if (statusCode !== 200 || !String(answered["content-type"] ?? "").startsWith("text/event-stream")) throw new Error(`the server answered with status ${statusCode} and no stream`);
      const reader = new EventReader(options.maxLineBytes, (event) => {
        if (event.name === "endpoint") clearTimeout(late);
        hear(event);
      });
      for await (const chunk of body) reader.push(chunk as Buffer);
    } finally {
      clearTimeout(late);
    }
  }

  function hear({ name, data }: ServerSentEvent): void {
    if (name === "endpoint") return messagesAt.resolve(pathWithin(url, data.toString("utf8")));
    if (data.length === 0) return;
    const message = parse(data);
    if (message) onMessage(message);
    else logger.debug({ bytes: data.length }, "a server sent an event that is no message");
  }

  /** In the order of `send`: what is no request has been taken before the next leaves. */
  function post(message: string): void {
    const isRequest = /"method"\s*:/.test(message) && /"id"\s*:/.test(message);
    waiting++;
    const sent = turn.then(async () => {
      const path = await messagesAt.promise;
      const { statusCode, body } = await pool.request({
        path,
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: message,
        headersTimeout: isRequest ? 0 : ACCEPT_MS,
        signal: over.signal,
      });
      await body.dump();
      if (statusCode < 300) return;
      // The session is gone, or the server is: every call of it ends here. Anything else is about this message alone.
      if (statusCode === 404 || statusCode >= 500 || statusCode === 401 || statusCode === 403 || statusCode < 400) throw new Error(`the server answered a message with status ${statusCode}`);
      refuse(message, statusCode);
    });
    const settled = sent
      .catch((error: unknown) => {
        if (!over.signal.aborted) logger.warn({ err: error }, "a message could not be given to a server");
        over.abort();
      })
      .finally(() => waiting--);
    if (!isRequest) turn = settled;
  }

  function refuse(message: string, status: number): void {
    const { id, method } = JSON.parse(message) as JsonObject;
    if (method === undefined || id === undefined) return;
    onMessage({ jsonrpc: "2.0", id, error: { code: UPSTREAM_FAILED, message: `The server did not take the message (status ${status}).` } });
  }

  return {
    exited,
    started: true,
    send(message) {
      if (over.signal.aborted || waiting >= MAX_WAITING) return false;
      post(message);
      return true;
    },
    async stop() {
      over.abort();
      await exited;
    },
  };
}

/** Throws where the server names another place than its own. */
function pathWithin(stream: URL, named: string): string {
  const messages = new URL(named.trim(), stream);
  if (messages.origin !== stream.origin) throw new Error("the server names another origin for its messages, which is not followed");
  return messages.pathname + messages.search;
}

function parse(data: Buffer): JsonObject | null {
  try {
    const value: unknown = JSON.parse(data.toString("utf8"));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
