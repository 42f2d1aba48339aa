import { SignalboxError } from "../../collector/kernel/errors.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import { expandPlaceholders } from "../registry/placeholders.ts";
import { activeVersions } from "../registry/rollout.ts";
import type { Endpoint, ServerEntry } from "../registry/server-entry.ts";
import { HttpClient } from "./http/client.ts";
import { Outbox } from "./http/outbox.ts";
import { hostedPath } from "./host/hosted-path.ts";

/** Where the messages for one server go, ready to be sent to. */
export interface Upstream {
  readonly client: HttpClient;
  readonly path: string;
  /** host:port, or the command's name; for records. */
  readonly address: string;
  readonly transport: "tcp" | "pipe";
  readonly timeoutMs: number;
  /** Lower-case names; sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** It is told on whose behalf a message is. */
  readonly perPrincipal?: boolean;
  /** It is the host, which is told who calls. */
  readonly hosted?: boolean;
  /** Where the messages go whose era the server does not speak; absent where they need no other way, or there is none. */
  readonly bridge?: BridgeWay;
}

/** The way around through the host, which bridges protocol eras. */
export interface BridgeWay {
  readonly upstream: Upstream;
  /** Until then it is known that the server speaks the older protocol alone; 0: nothing is. */
  legacyUntilMs: number;
  /** Until then it is known that it speaks the newest revision. */
  modernUntilMs: number;
}

export interface Upstreams extends Stoppable {
  /**
   * Where a version of a server is: one that `chooseVersion` chose, or the entry's own. Throws SignalboxError when the
   * endpoint cannot be addressed, such as for a variable that is not set, and E_VERSION for a version that the entry does
   * not have or has retired.
   */
  of(entry: ServerEntry, version?: string): Upstream;
}

export interface UpstreamOptions {
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the host of stdio servers listens; empty where there is none. */
  readonly stdioSocket: string;
}

const CONNECT_TIMEOUT_MS = 5000;
const KEEP_ALIVE_MS = 30_000;
const MAX_CLIENTS = 2048;

/** One client an origin; entries that are replaced by a reload find the connections of their origin again. */
export function createUpstreams(options: UpstreamOptions): Upstreams {
  const clients = new Map<string, HttpClient>();
  const outbox = new Outbox();
  const known = new WeakMap<ServerEntry, Map<string, Upstream>>();

  const clientFor = (origin: string, socketPath?: string): HttpClient => {
    const found = clients.get(origin);
    if (found) return found;
    // As many connections as calls are under way, which the proxy bounds: an open stream keeps one to itself.
    const client = new HttpClient(socketPath === undefined ? origin : "http://host", { socketPath, connectMs: CONNECT_TIMEOUT_MS, keepAliveMs: KEEP_ALIVE_MS, outbox });
    clients.set(origin, client);
    if (clients.size > MAX_CLIENTS) forgetOldest(clients);
    return client;
  };

  return {
    of(entry, version = entry.version) {
      let versions = known.get(entry);
      if (!versions) known.set(entry, (versions = new Map()));
      const found = versions.get(version);
      // One that had to make room for others has been closed.
      if (found && !found.client.closed) return found;
      const endpoint = endpointOf(entry, version);
      const made = endpoint.transport === "streamable-http" ? overHttp(endpoint, hostedPath(entry, version)) : throughHost(hostedPath(entry, version), endpoint);
      versions.set(version, made);
      return made;
    },
    async stop() {
      for (const client of clients.values()) client.destroy();
    },
  };

  function overHttp(endpoint: Extract<Endpoint, { transport: "streamable-http" }>, bridgePath: string): Upstream {
    const url = new URL(endpoint.url);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(endpoint.headers)) headers[name.toLowerCase()] = expandPlaceholders(value, options);
    return {
      client: clientFor(url.origin),
      path: url.pathname + url.search,
      address: addressOf(url),
      transport: "tcp",
      timeoutMs: endpoint.timeoutMs,
      headers,
      ...(options.stdioSocket === "" ? {} : { bridge: { upstream: throughHost(bridgePath, endpoint), legacyUntilMs: 0, modernUntilMs: 0 } }),
    };
  }

  /** What isn't Streamable HTTP is made so by the host, which keeps the sessions. */
  function throughHost(path: string, endpoint: Endpoint): Upstream {
    return {
      client: clientFor(`unix:${options.stdioSocket}`, options.stdioSocket),
      path,
      address: endpoint.transport === "stdio" ? (endpoint.command.split("/").at(-1) ?? endpoint.command) : addressOf(new URL(endpoint.url)),
      transport: endpoint.transport === "stdio" ? "pipe" : "tcp",
      timeoutMs: endpoint.timeoutMs,
      headers: {},
      hosted: true,
      perPrincipal: endpoint.transport === "stdio" && endpoint.perPrincipal,
    };
  }
}

const addressOf = (url: URL): string => `${url.hostname}:${url.port || (url.protocol === "https:" ? "443" : "80")}`;

function endpointOf(entry: ServerEntry, version: string): Endpoint {
  const found = activeVersions(entry).find((one) => one.version === version);
  if (found) return found.endpoint;
  throw new SignalboxError("E_VERSION", `${entry.name} has no version ${version} that may be called`, { remedy: "add it to rollout in the server's registry file" });
}

function forgetOldest(clients: Map<string, HttpClient>): void {
  const oldest = clients.entries().next().value;
  if (!oldest) return;
  clients.delete(oldest[0]);
  oldest[1].close();
}
