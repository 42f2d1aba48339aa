import { Pool } from "undici";
import type { Logger } from "../../../collector/kernel/log.ts";
import { isObject, type JsonObject } from "../../transport/envelope.ts";
import { ClientBridge } from "../../transport/bridge/client-bridge.ts";
import { endpointOf, type Endpoint } from "../../transport/bridge/endpoint.ts";
import { BEGUN_AGAIN } from "../../era/bridge/step.ts";
import { CREDENTIAL_REFUSED, UPSTREAM_FAILED, errorBody } from "../../transport/rpc-error.ts";
import type { Child } from "./child.ts";

export interface HttpConnectionOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly onMessage: (message: JsonObject) => void;
  readonly logger: Logger;
}

const CONNECT_TIMEOUT_MS = 5000;
/** Messages that the server has not taken yet. */
const MAX_WAITING = 1024;

/** A server over Streamable HTTP, of either era, as if it were a child: it is spoken to in messages alone. */
export function openHttp({ url, headers, onMessage, logger }: HttpConnectionOptions): Child {
  const pool = new Pool(url.origin, { connections: null, connectTimeout: CONNECT_TIMEOUT_MS, headersTimeout: 0, bodyTimeout: 0 });
  const at = endpointOf(pool, url.pathname + url.search, { ...headers, "accept-encoding": "identity" });
  /** As the last message brought it: what is said between messages is said with it too. */
  let authorization: string | undefined;
  const endpoint: Endpoint = {
    send: async (request) => {
      const answer = await at.send({ ...request, headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) } });
      if (answer.status !== 401 && (answer.status < 300 || answer.status >= 400)) return answer;
      for await (const chunk of answer.body) void chunk;
      // What it says is about our credential, or would lead elsewhere: neither is for the caller.
      const [code, text] = answer.status === 401 ? [CREDENTIAL_REFUSED, "The server did not accept the proxy's credential."] : [UPSTREAM_FAILED, "The server answered with a redirect, which is not followed."];
      return { status: 502, header: (name) => (name === "content-type" ? "application/json" : undefined), body: once(errorBody(null, code, text)) };
    },
    stop: at.stop,
  };
  const bridge = new ClientBridge({
    endpoint,
    write: async (line) => {
      for (const message of parse(line)) onMessage(message);
    },
    tell: (text) => logger.debug({}, text),
    begunAgain: () => onMessage({ jsonrpc: "2.0", method: BEGUN_AGAIN }),
  });
  const ended = Promise.withResolvers<void>();
  let turn = Promise.resolve();
  let waiting = 0;
  let stopping: Promise<void> | undefined;

  async function stop(): Promise<void> {
    bridge.abort();
    await bridge.end();
    await at.stop();
    ended.resolve();
  }

  return {
    exited: ended.promise,
    started: true,
    send(message, sent) {
      if (stopping || waiting >= MAX_WAITING) return false;
      authorization = sent?.authorization ?? authorization;
      const traced: Record<string, string> = sent?.traceparent === undefined ? {} : { traceparent: sent.traceparent };
      waiting++;
      turn = turn.then(() => bridge.receive(Buffer.from(message), traced)).finally(() => waiting--);
      return true;
    },
    stop: () => (stopping ??= stop()),
  };
}

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/** Of 2025-03-26 a server may say several things at once. */
function parse(line: Buffer | string): JsonObject[] {
  try {
    const value: unknown = JSON.parse(line.toString());
    return (Array.isArray(value) ? (value as unknown[]) : [value]).filter(isObject);
  } catch {
    return [];
  }
}
