import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A client configuration that a person copies into an agent: one file an agent, readable by its owner alone. */
export interface ClientFile {
  readonly agent: string;
  readonly file: string;
  readonly text: string;
}

/**
 * Writes `<dataDir>/clients/<agent>.json` for keys that were just made. The key stands in clear in this file alone, as
 * it must in any client's configuration; the proxy keeps its hash.
 */
export function writeClientFiles(
  dataDir: string,
  baseUrl: string,
  servers: readonly string[],
  keys: readonly { readonly agent: string; readonly key: string }[],
): void {
  const dir = join(dataDir, "clients");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const { agent, key } of keys) {
    const mcpServers = Object.fromEntries(
      servers.map((name) => [name, { type: "http", url: `${baseUrl}/mcp/${name}`, headers: { Authorization: `Bearer ${key}` } }]),
    );
    writeFileSync(join(dir, `${agent}.json`), `${JSON.stringify({ mcpServers }, null, 2)}\n`, { mode: 0o600 });
  }
}

export function readClientFiles(dataDir: string): ClientFile[] {
  const dir = join(dataDir, "clients");
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      const file = join(dir, name);
      return { agent: name.slice(0, -".json".length), file, text: readFileSync(file, "utf8") };
    });
}
