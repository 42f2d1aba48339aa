import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { expandPlaceholders } from "./placeholders.ts";
import type { Endpoint } from "./server-entry.ts";

export interface ResolvedCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment, not an addition to ours. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a program needs to find its interpreter and its home; nothing else of the proxy's environment reaches a child. */
const inherited = ["PATH", "HOME"];

/**
 * The program to start for a stdio endpoint. `node:<package>` runs the command of an installed package with the Node that
 * runs Signalbox, without a shell and without asking a package registry. Throws E_PACKAGE_MISSING or E_ENV_MISSING.
 */
export function resolveCommand(
  endpoint: Extract<Endpoint, { transport: "stdio" }>,
  context: { dataDir: string; env: Readonly<Record<string, string | undefined>> },
): ResolvedCommand {
  const env: Record<string, string> = {};
  for (const name of inherited) if (context.env[name] !== undefined) env[name] = context.env[name];
  for (const [name, value] of Object.entries(endpoint.env)) env[name] = expandPlaceholders(value, context);
  const args = endpoint.args.map((arg) => expandPlaceholders(arg, context));

  if (!endpoint.command.startsWith("node:")) return { command: endpoint.command, args, env };
  return { command: process.execPath, args: [packageScript(endpoint.command.slice("node:".length)), ...args], env };
}

function packageScript(name: string): string {
  const manifestPath = findManifest(name);
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as { bin?: string | Record<string, string> };
  const { bin } = manifest;
  const script = typeof bin === "string" ? bin : bin && (bin[name.replace(/^@[^/]+\//, "")] ?? Object.values(bin)[0]);
  if (!script) {
    throw new SignalboxError("E_PACKAGE_NO_COMMAND", `the package ${name} has no command of its own`, {
      remedy: "name the program in endpoint.command",
    });
  }
  return join(dirname(manifestPath), script);
}

/** By the search paths and not by `require.resolve`: a package's `exports` may hide its package.json. */
function findManifest(name: string): string {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    const candidate = join(folder, name, "package.json");
    try {
      readFileSync(candidate);
      return candidate;
    } catch {
      continue;
    }
  }
  throw new SignalboxError("E_PACKAGE_MISSING", `the package ${name} is not installed`, { remedy: `npm install ${name}` });
}
