import type { Endpoint, RegistrySnapshot, ServerEntry } from "../server-entry.ts";
import { leadsTo, targetKey, unbridged, type RawServer } from "./leads-to.ts";
import type { Target } from "./target.ts";

/** Finds what is configured in what is registered. */
export interface Matcher {
  /** The registered servers that lead to the same place, by name. */
  registered(target: Target, raw: RawServer): readonly ServerEntry[];
  /** The server that a URL names at this proxy; undefined for a URL that leads elsewhere. */
  throughProxy(target: Target): string | undefined;
}

export function createMatcher(registry: RegistrySnapshot, proxyUrls: readonly string[]): Matcher {
  const byKey = new Map<string, ServerEntry[]>();
  for (const entry of [...registry.servers.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const endpoint of [entry.endpoint, ...entry.rollout.map((version) => version.endpoint)]) {
      const raw = unbridged(rawEndpoint(endpoint));
      const key = targetKey(leadsTo(raw), raw);
      const entries = byKey.get(key) ?? [];
      if (!entries.includes(entry)) byKey.set(key, [...entries, entry]);
    }
  }
  const prefixes = proxyUrls.flatMap((url) => aliases(url)).map((url) => `${url.replace(/\/+$/, "")}/mcp/`);
  return {
    registered: (target, raw) => (target.kind === "unknown" ? [] : (byKey.get(targetKey(target, raw)) ?? [])),
    throughProxy(target) {
      if (target.kind !== "url") return undefined;
      const prefix = prefixes.find((start) => target.url.startsWith(start));
      const name = prefix === undefined ? undefined : target.url.slice(prefix.length);
      return name !== undefined && /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? name : undefined;
    },
  };
}

function rawEndpoint(endpoint: Endpoint): RawServer {
  const nothing = { args: [], env: {}, headers: {}, extension: false };
  return endpoint.transport === "stdio"
    ? { ...nothing, command: endpoint.command, args: endpoint.args, transport: "stdio" }
    : { ...nothing, url: endpoint.url, transport: endpoint.transport };
}

const loopback = ["127.0.0.1", "localhost", "[::1]"];

/** A proxy on this machine is reached by any of the names that this machine has for itself. */
function aliases(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const url = new URL(text);
  const path = url.pathname.replace(/\/+$/, "");
  const port = url.port === "" ? "" : `:${url.port}`;
  const own = [...loopback, "0.0.0.0", "[::]"].includes(url.hostname);
  return (own ? loopback : [url.hostname]).map((host) => `${url.protocol}//${host}${port}${path}`);
}
