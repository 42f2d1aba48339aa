import { activeVersions } from "../../registry/rollout.ts";
import type { Endpoint, RegistrySnapshot, ServerEntry } from "../../registry/server-entry.ts";

/** Where the host serves a version of a stdio server: `/{name}` for the entry's own, `/{name}/{version}` for another. */
export function stdioPath(entry: ServerEntry, version: string): string {
  return version === entry.version ? `/${entry.name}` : `/${entry.name}/${encodeURIComponent(version)}`;
}

/** The endpoint that such a path stands for now; undefined where the registry has none there, or has retired it. */
export function stdioEndpoint(registry: RegistrySnapshot, path: string): Extract<Endpoint, { transport: "stdio" }> | undefined {
  const [name = "", version, ...rest] = path.slice(1).split("/");
  const entry = registry.servers.get(name);
  if (!entry || rest.length > 0) return undefined;
  const endpoint = version === undefined ? entry.endpoint : activeVersions(entry).find((one) => encodeURIComponent(one.version) === version)?.endpoint;
  return endpoint?.transport === "stdio" ? endpoint : undefined;
}
