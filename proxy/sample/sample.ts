import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { appendKey, createKey, loadKeys } from "../identity/keys-file.ts";
import { operatorKeyPath } from "../data-files.ts";

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

/** The person at this machine: runs the proxy and decides what is held. Another principal than the sample agents', because
 * nobody approves their own calls. */
const operator = { agent: "operator", principal: "operator", roles: ["operator", "approver"] } as const;

/**
 * Makes a key for each sample agent that has none, one for the person at this machine, and the folder that the sample
 * filesystem server serves. May be repeated: an agent whose key was revoked gets no other one by itself.
 */
export async function ensureSampleKeys(dataDir: string, nowMs: number = Date.now()): Promise<SampleKeys> {
  ensureSandbox(dataDir);
  const keysFile = join(dataDir, "keys.yaml");
  const present = new Set(existsSync(keysFile) ? loadKeys(keysFile).map((entry) => entry.agent) : []);
  const created: { agent: string; key: string }[] = [];
  for (const { agent, taskClass } of sampleAgents) {
    if (present.has(agent)) continue;
    const { key, entry } = createKey({ agent, principal: "sample-user", taskClass, nowMs });
    await appendKey(keysFile, entry);
    created.push({ agent, key });
  }
  if (!present.has(operator.agent)) {
    const { key, entry } = createKey({ ...operator, nowMs });
    // First the file: a key that nobody holds would never be made again.
    writeFileSync(operatorKeyPath(dataDir), `${key}\n`, { mode: 0o600 });
    await appendKey(keysFile, entry);
  }
  return { keysFile, created };
}

function ensureSandbox(dataDir: string): void {
  const sandbox = join(dataDir, "sandbox");
  if (existsSync(sandbox)) return;
  mkdirSync(sandbox, { recursive: true });
  writeFileSync(join(sandbox, "welcome.md"), "# Sandbox\n\nAgents may read and write here, through the filesystem server.\n");
}
