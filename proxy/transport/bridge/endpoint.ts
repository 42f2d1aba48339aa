import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";

/** One server at the proxy, over Streamable HTTP. */
export interface Endpoint extends Stoppable {
  /** Rejects when the proxy can't be reached or breaks off, and when `signal` is aborted. */
  send(request: { method: "POST" | "GET" | "DELETE"; headers: Record<string, string>; body?: Buffer | string; signal: AbortSignal }): Promise<EndpointAnswer>;
}

export interface EndpointAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Must be read to its end, or the signal aborted. */
  readonly body: AsyncIterable<Buffer>;
}

export interface EndpointOptions {
  readonly url: URL;
  /** A credential for the Authorization header; absent, none is sent. */
  readonly key?: string | undefined;
  readonly userAgent: string;
}

const CONNECT_TIMEOUT_MS = 5000;
/** A proxy that is just starting, or starting again, is waited for: what was never sent may be sent again. */
const WAITS_MS = [100, 200, 400, 800, 1600];
const neverSent = new Set(["ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT", "EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN"]);

/** Over the network, to the proxy at `url`. */
export function createEndpoint({ url, key, userAgent }: EndpointOptions): Endpoint {
  // The proxy bounds how long a call may take; a stream may be silent for as long as it likes.
  const pool = new Pool(url.origin, { connections: null, connectTimeout: CONNECT_TIMEOUT_MS, headersTimeout: 0, bodyTimeout: 0 });
  return endpointOf(pool, url.pathname + url.search, { "user-agent": userAgent, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) });
}

/** Whatever `pool` leads to. It is the endpoint's from then on. */
export function endpointOf(pool: Pool, path: string, own: Readonly<Record<string, string>> = {}): Endpoint {
  return {
    async send({ method, headers, body, signal }) {
      for (let attempt = 0; ; attempt++) {
        try {
          const answer = await pool.request({ path, method, headers: { ...headers, ...own }, body: body ?? null, signal });
          return {
            status: answer.statusCode,
            header: (name) => {
              const value = answer.headers[name];
              return Array.isArray(value) ? value[0] : value;
            },
            body: answer.body,
          };
        } catch (error) {
          const wait = WAITS_MS[attempt];
          if (wait === undefined || signal.aborted || !neverSent.has(codeOf(error))) throw error;
          await delay(wait, undefined, { signal });
        }
      }
    },
    stop: () => pool.destroy(),
  };
}

/** What went wrong, as a code: of several addresses that were tried, the last one's. */
export function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: readonly unknown[] };
  if (typeof code === "string") return code;
  return errors?.length ? codeOf(errors.at(-1)) : "unknown";
}
