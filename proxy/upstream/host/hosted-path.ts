import { activeVersions } from "../../registry/rollout.ts";
import type { Endpoint, RegistrySnapshot, ServerEntry } from "../../registry/server-entry.ts";

/** On whose behalf a message is, as its worker says: a digest, and only for the host. */
export const PRINCIPAL_HEADER = "x-signalbox-principal";
/** Who sends it, and on whose behalf: whom a session is for that the host keeps with a server of the older protocol. */
export const CALLER_HEADER = "x-signalbox-caller";

/** The host's status for a message that needs no bridge. Never a client's: some send their message again on it. */
export const MISDIRECTED = 421;

/** The ids of sessions that the host keeps for clients of servers over Streamable HTTP that do not speak their era. */
export const BRIDGE_SESSION = "signalbox-bridge-";

/** Where the host serves a version of a server: `/{name}` for the entry's own, `/{name}/{version}` for another. */
export function hostedPath(entry: ServerEntry, version: string): string {
  return version === entry.version ? `/${entry.name}` : `/${entry.name}/${encodeURIComponent(version)}`;
}

/** The endpoint that such a path stands for now; undefined where the registry has none there, or has retired it. */
export function hostedEndpoint(registry: RegistrySnapshot, path: string): Endpoint | undefined {
  const [name = "", version, ...rest] = path.slice(1).split("/");
  const entry = registry.servers.get(name);
  if (!entry || rest.length > 0) return undefined;
  return version === undefined ? entry.endpoint : activeVersions(entry).find((one) => encodeURIComponent(one.version) === version)?.endpoint;
}
