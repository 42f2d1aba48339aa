import { existsSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { appendKey, createKey, loadKeys, revokeKey, rotateKey, type KeyEntry } from "../identity/keys-file.ts";
import { roles, type Role } from "../state/command.ts";
import { columns } from "../../collector/kernel/columns.ts";
import { seconds } from "./duration.ts";
import { controlPaths, describeVerb, reportFaults } from "./file-verb.ts";

/** `keys`: the credentials of agents and people, without the proxy running; a running one heeds a change within a second. */
export const registerKeys: RegisterCommands = (program, context) => {
  const keys = program.command("keys").description("the API keys that agents call with, and people work with");
  describeVerb(keys, "create", "make a key and print it once; only its hash is kept", "signalbox keys create --agent triage-agent --ttl-days 90\n  signalbox keys create --agent ana --role approver")
    .requiredOption("--agent <name>", "the agent that will call with it, or the person who will use it")
    .option("--principal <name>", "the person or service that the agent acts for (the agent itself if absent)")
    .option("--servers <name...>", "the servers that it may be used for (any that policy allows if absent)")
    .option("--tools <name...>", "the tools that it may call (any that policy allows if absent)")
    .option("--task-classes <name...>", "the kinds of task that it may open (its own task class, or any, if absent)")
    .option("--task-class <name>", "the kind of task that its calls belong to (proxy.defaultTaskClass if absent)")
    .addOption(new Option("--role <role...>", "what its holder may do: call, decide on approvals, run the proxy").choices(roles).default(["agent"]))
    .option("--ttl-days <days>", "how long it is valid (until revoked if absent)", wholeDays)
    .action((options: KeyOptions) => reportingLater(context, () => makeKey(context, options)));
  describeVerb(keys, "rotate", "make a key in place of another one, which stays good for a while", "signalbox keys rotate 0c9f1a22d3 --overlap 2d")
    .argument("<id>", "as `keys list` shows it")
    .option("--overlap <time>", "how long the old one is still good, such as 30m, 8h or 2d", seconds, 24 * 3600)
    .action((id: string, { overlap }: { overlap: number }) => reportingLater(context, () => rotate(context, id, overlap * 1000)));
  describeVerb(keys, "list", "list the keys by id; the keys themselves are not stored", "signalbox keys list --json")
    .option("--json", "print them as JSON, without their hashes")
    .action(({ json }: { json?: boolean }) => reportFaults(context, false, () => listKeys(context, json === true)));
  describeVerb(keys, "revoke", "end a key for good", "signalbox keys revoke 0c9f1a22d3")
    .argument("<id>", "as `keys list` shows it")
    .action((id: string) => reportingLater(context, () => endKey(context, id)));
};

interface KeyOptions {
  agent: string;
  principal?: string;
  taskClass?: string;
  servers?: string[];
  tools?: string[];
  taskClasses?: string[];
  role: Role[];
  ttlDays?: number;
}

function wholeDays(value: string): number {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw new InvalidArgumentError("a whole number of days from 1 to 3650");
  return days;
}

/** As reportFaults, for work that takes its time. */
async function reportingLater(context: CommandContext, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    reportFaults(context, false, () => {
      throw error;
    });
  }
}

async function makeKey(context: CommandContext, options: KeyOptions): Promise<void> {
  const { keysFile } = controlPaths(context);
  const { agent, principal = agent, taskClass, taskClasses, servers, tools, role, ttlDays } = options;
  const { key, entry } = createKey({ agent, principal, taskClass, taskClasses, servers, tools, roles: role, ttlDays, nowMs: context.clock.nowMs() });
  await appendKey(keysFile, entry);
  context.print(key);
  context.print(`Key ${entry.id} for ${agent} is in ${keysFile}, as a hash. The line above is shown this once.`);
}

async function rotate(context: CommandContext, id: string, overlapMs: number): Promise<void> {
  const { keysFile } = controlPaths(context);
  const { key, entry, old } = await rotateKey(keysFile, id, { overlapMs, nowMs: context.clock.nowMs() });
  context.print(key);
  context.print(`Key ${entry.id} for ${entry.agent} takes the place of ${old.id}, which is good until ${old.expiresAt}. The line above is shown this once.`);
}

async function endKey(context: CommandContext, id: string): Promise<void> {
  const { agent } = await revokeKey(controlPaths(context).keysFile, id);
  context.print(`Key ${id} of ${agent} is revoked. Tasks that were opened with it go on until they are closed: signalbox task list --agent ${agent}`);
}

function listKeys(context: CommandContext, json: boolean): void {
  const { keysFile } = controlPaths(context);
  const keys = existsSync(keysFile) ? loadKeys(keysFile) : [];
  const now = context.clock.nowMs();
  if (json) {
    const shown = keys.map(({ hash: _, ...entry }) => ({ ...entry, state: stateOf(entry, now) }));
    return context.print(JSON.stringify({ keys: shown }, null, 2));
  }
  if (keys.length === 0) return context.print(`no keys yet (${keysFile})`);
  const rows = keys.map((k) => [
    k.id,
    k.agent,
    k.principal,
    k.roles.join(","),
    k.taskClass ?? "-",
    k.servers?.join(",") ?? "any",
    k.tools?.join(",") ?? "any",
    k.createdAt.slice(0, 10),
    k.expiresAt?.slice(0, 10) ?? "never",
    stateOf(k, now),
  ]);
  const heading = ["id", "agent", "principal", "roles", "task class", "servers", "tools", "created", "expires", "state"];
  for (const line of columns([heading, ...rows])) context.print(line);
}

function stateOf({ revoked, expiresAt }: Pick<KeyEntry, "revoked" | "expiresAt">, nowMs: number): "revoked" | "expired" | "valid" {
  if (revoked) return "revoked";
  return expiresAt !== undefined && Date.parse(expiresAt) <= nowMs ? "expired" : "valid";
}
