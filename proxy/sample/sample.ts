import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { appendKey, createKey, loadKeys } from "../identity/keys-file.ts";

/** The configuration that is used where `signalbox.yaml` names none: three servers, three agents, a few rules. */
export const sampleRegistryDir = fileURLToPath(new URL("registry", import.meta.url));
export const samplePolicyDir = fileURLToPath(new URL("policies", import.meta.url));

export const sampleAgents = [
  { agent: "research-agent", taskClass: "research" },
  { agent: "triage-agent", taskClass: "triage" },
  { agent: "release-agent", taskClass: "release" },
] as const;

export interface SampleKeys {
  readonly keysFile: string;
  /** Only the keys that this call made: they can be shown now and never again. */
  readonly created: readonly { readonly agent: string; readonly key: string }[];
}

/** Makes a key for each sample agent that has none, and the folder that the sample filesystem server serves. May be
 * repeated: an agent whose key was revoked gets no other one by itself. */
export function ensureSampleKeys(dataDir: string, nowMs: number = Date.now()): SampleKeys {
  ensureSandbox(dataDir);
  const keysFile = join(dataDir, "keys.yaml");
  const present = new Set(existsSync(keysFile) ? loadKeys(keysFile).map((entry) => entry.agent) : []);
  const created = sampleAgents
    .filter(({ agent }) => !present.has(agent))
    .map(({ agent, taskClass }) => {
      const { key, entry } = createKey({ agent, principal: "sample-user", taskClass, nowMs });
      appendKey(keysFile, entry);
      return { agent, key };
    });
  return { keysFile, created };
}

function ensureSandbox(dataDir: string): void {
  const sandbox = join(dataDir, "sandbox");
  if (existsSync(sandbox)) return;
  mkdirSync(sandbox, { recursive: true });
  writeFileSync(join(sandbox, "welcome.md"), "# Sandbox\n\nAgents may read and write here, through the filesystem server.\n");
}
