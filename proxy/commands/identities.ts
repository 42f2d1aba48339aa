import { InvalidArgumentError } from "commander";
import { storeConfigSchema } from "../../collector/config.ts";
import { columns } from "../../collector/kernel/columns.ts";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { showable } from "../../collector/sql/terminal.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { proxyConfigSchema } from "../config.ts";
import { controlFiles } from "../control-files.ts";
import { listIdentities, usedIdentities, type IdentityLine, type Use } from "../identity/identities/identities.ts";
import { loadKeysIfPresent } from "../identity/keys-file.ts";
import { loadRegistry } from "../registry/load-registry.ts";

const DAY_MS = 86_400_000;
const STORE_TIMEOUT_MS = 5000;

/** `signalbox identities`: which credentials tool calls are made with, by whom, how old they are, and which are overdue. */
export const registerIdentities: RegisterCommands = (program, context) => {
  program
    .command("identities")
    .description("list the credentials that tool calls are made with: agents' keys and tokens, and the proxy's own at its upstreams")
    .option("--days <days>", "how far back to look for calls", wholeDays, 30)
    .option("--json", "print them as JSON")
    .addHelpText("after", "\nExample:\n  signalbox identities --days 90\n")
    .action((flags: { days: number; json?: boolean }) => identities(context, flags));
};

function wholeDays(value: string): number {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw new InvalidArgumentError("a whole number of days from 1 to 3650");
  return days;
}

async function identities(context: CommandContext, { days, json }: { days: number; json?: boolean }): Promise<void> {
  const config = context.config();
  const proxy = config.section("proxy", proxyConfigSchema);
  const files = controlFiles(config, proxy);
  const nowMs = context.clock.nowMs();
  const uses = await readUses(context, nowMs - days * DAY_MS);
  const { servers } = loadRegistry(files.registryDir);
  const lines = listIdentities({ keys: loadKeysIfPresent(files.keysFile), servers: servers.values(), uses, keyRotationDays: proxy.keyRotationDays, nowMs });
  if (json === true) return context.print(JSON.stringify({ days, used: uses !== null, identities: lines }, null, 2));
  const heading = ["kind", "name", "of", "limited to", "rotated", "age", "every", "state", "calls", "by", "last used (UTC)"];
  for (const line of columns([heading, ...lines.map(row)].map((cells) => cells.map(showable)))) context.print(line);
  if (uses === null) context.print("The store did not answer, so what was used is not known.");
}

const inDays = (days: number | null): string => (days === null ? "-" : `${days} d`);

function limits({ servers, tools, taskClasses }: IdentityLine["scope"]): string {
  const parts = Object.entries({ servers, tools, "task classes": taskClasses }).flatMap(([what, names]) => (names ? [`${what} ${names.join(",")}`] : []));
  return parts.join("; ") || "-";
}

function row(line: IdentityLine): string[] {
  return [
    line.kind,
    line.name,
    line.of.join(",") || "-",
    limits(line.scope),
    line.rotatedAt ?? "-",
    inDays(line.ageDays),
    inDays(line.rotateEveryDays),
    line.state === "overdue" ? `overdue by ${-line.dueInDays!} d` : line.state,
    line.calls === null ? "?" : String(line.calls),
    line.agents.join(",") || "-",
    line.lastUsedMs === null ? "-" : new Date(line.lastUsedMs).toISOString().slice(0, 16).replace("T", " "),
  ];
}

/** Null where the store is away: how old a credential is can be told without it. */
async function readUses(context: CommandContext, sinceMs: number): Promise<Use[] | null> {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "identities", requestTimeoutMs: STORE_TIMEOUT_MS });
  try {
    return await usedIdentities(store, sinceMs);
  } catch {
    return null;
  } finally {
    await store.close();
  }
}
