import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { Client as ModernClient } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { entry } from "./stack.ts";

export interface StdioCommand {
  /** Of `signalbox`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const capabilities = { sampling: {}, elicitation: { form: {} } };
const started = ({ args, env = {}, cwd }: StdioCommand) => ({
  command: process.execPath,
  args: [entry, ...args],
  env: { PATH: process.env.PATH ?? "", ...env },
  stderr: "pipe" as const,
  ...(cwd === undefined ? {} : { cwd }),
});

/** The v1 SDK's client, which starts the command as a desktop client does. */
export async function legacyStdio(command: StdioCommand): Promise<Client> {
  const client = new Client({ name: "desktop-v1", version: "1" }, { capabilities });
  await client.connect(new StdioClientTransport(started(command)));
  return client;
}

/** The v2 SDK's client. It finds the server's era out by itself, or insists on a revision. */
export async function modernStdio(command: StdioCommand, mode: "auto" | { pin: string } = "auto"): Promise<ModernClient> {
  const client = new ModernClient({ name: "desktop-v2", version: "1" }, { capabilities, versionNegotiation: { mode } });
  await client.connect(new ModernStdio(started(command)));
  return client;
}

export interface RawStdio {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: string[];
  send(message: unknown): void;
  /** The next message that fits, whether it has arrived or not. */
  message(fits: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  stderr(): string;
  readonly exited: Promise<number | null>;
}

/** The command with nobody's library in front of it. */
export function rawStdio({ args, env = {}, cwd }: StdioCommand): RawStdio {
  const child = spawn(process.execPath, [entry, ...args], { env: { PATH: process.env.PATH ?? "", ...env }, cwd });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let rest = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString("utf8")).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
    for (const wake of waiting) wake();
  });
  child.stderr.on("data", (chunk: Buffer) => void (stderr += chunk.toString("utf8")));
  child.stdin.on("error", () => undefined);
  return {
    child,
    lines,
    send: (message) => void child.stdin.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`),
    message: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = lines.map((line) => JSON.parse(line) as Record<string, unknown>).find(fits);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    stderr: () => stderr,
    exited: new Promise((resolve) => child.once("close", (code) => resolve(code))),
  };
}
