import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** What to look at, and how. */
export interface InspectorTarget {
  url: string;
  headers: Record<string, string>;
  /** The protocol era to negotiate. */
  era: "legacy" | "modern" | "auto";
}

export interface InspectorAnswer {
  /** 0 for a result; 4 when nothing answered; 5 for a tool that is unknown or whose result is an error. */
  exitCode: number;
  /** The result as the server sent it, a tool's `isError` result too. */
  result?: Record<string, unknown>;
  error?: { code: string; message: string };
}

const launcher = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/inspector/package.json")),
  "clients/launcher/build/index.js",
);
const limitMs = 30_000;

export function inspectTools(target: InspectorTarget): Promise<InspectorAnswer> {
  return runInspector(target, ["--method", "tools/list"]);
}

export function inspectCall(target: InspectorTarget, tool: string, args: Record<string, unknown> = {}): Promise<InspectorAnswer> {
  const json = JSON.stringify(args);
  return runInspector(target, ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", json]);
}

/** Runs the Inspector's command line. Its home is a folder of its own, so that no stored login plays a part. */
async function runInspector({ url, headers, era }: InspectorTarget, method: string[]): Promise<InspectorAnswer> {
  const home = await mkdtemp(join(tmpdir(), "signalbox-inspector-"));
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const args = [launcher, "--cli", url, "--transport", "http", "--protocol-era", era, "--stored-auth-only"];
  args.push("--format", "json", "--quiet", ...method);
  if (lines.length > 0) args.push("--header", ...lines);
  try {
    return await new Promise((resolve) => {
      const child = execFile(process.execPath, args, { env: { ...process.env, HOME: home }, timeout: limitMs }, (_, stdout, stderr) => {
        resolve({ exitCode: child.exitCode ?? -1, ...lastJson(stdout), ...lastJson(stderr) });
      });
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Each stream ends with one JSON object, or has none. */
function lastJson(text: string): Pick<InspectorAnswer, "result" | "error"> {
  const line = text.trim().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? (JSON.parse(line) as Pick<InspectorAnswer, "result" | "error">) : {};
}
