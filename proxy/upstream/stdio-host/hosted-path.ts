import { activeVersions } from "../../registry/rollout.ts";
import type { Endpoint, RegistrySnapshot, ServerEntry } from "../../registry/server-entry.ts";

/** What the host serves: whatever does not speak Streamable HTTP itself. */
export type HostedEndpoint = Exclude<Endpoint, { transport: "streamable-http" }>;

/** On whose behalf a message is, as its worker says: a digest, and only for the host. */
export const PRINCIPAL_HEADER = "x-signalbox-principal";

/** Where the host serves a version of such a server: `/{name}` for the entry's own, `/{name}/{version}` for another. */
export function hostedPath(entry: ServerEntry, version: string): string {
  return version === entry.version ? `/${entry.name}` : `/${entry.name}/${encodeURIComponent(version)}`;
}

/** The endpoint that such a path stands for now; undefined where the registry has none there, or has retired it. */
export function hostedEndpoint(registry: RegistrySnapshot, path: string): HostedEndpoint | undefined {
  const [name = "", version, ...rest] = path.slice(1).split("/");
  const entry = registry.servers.get(name);
  if (!entry || rest.length > 0) return undefined;
  const endpoint = version === undefined ? entry.endpoint : activeVersions(entry).find((one) => encodeURIComponent(one.version) === version)?.endpoint;
  return endpoint === undefined || endpoint.transport === "streamable-http" ? undefined : endpoint;
}
