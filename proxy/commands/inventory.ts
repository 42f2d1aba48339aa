import { homedir } from "node:os";
import { relative, resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { storeConfigSchema } from "../../collector/config.ts";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { formatProblem, type FileProblem } from "../../collector/kernel/errors.ts";
import { showable } from "../../collector/sql/terminal.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { ownUrl, proxyConfigSchema } from "../config.ts";
import { controlFiles } from "../control-files.ts";
import { clientFiles } from "../registry/inventory/client-files.ts";
import { propose, type Proposal } from "../registry/inventory/propose.ts";
import { takeInventory, type FoundServer } from "../registry/inventory/take-inventory.ts";
import { unknownServers, type UnknownServer } from "../registry/inventory/unknown-servers.ts";
import { loadRegistry } from "../registry/load-registry.ts";
import { columns } from "../../collector/kernel/columns.ts";

interface InventoryFlags {
  readonly home?: string;
  readonly project?: readonly string[];
  readonly propose?: string;
  readonly json?: boolean;
  readonly days: number;
}

const DAY_MS = 86_400_000;
const STORE_TIMEOUT_MS = 5000;

/** `signalbox inventory`: which MCP servers people have, and what the registry lacks of them. */
export const registerInventory: RegisterCommands = (program, context) => {
  program
    .command("inventory")
    .description("list the MCP servers that people's clients are configured with, and what registering each would need")
    .option("--home <dir>", "the home to look into (default: yours, and what holds for the whole machine)")
    .option("--project <dir...>", "projects to look into (default: this folder)")
    .option("--propose <dir>", "write a draft registry file for each server that is not registered")
    .option("--days <days>", "how far back to look for servers that agents asked the proxy for", wholeDays, 30)
    .option("--json", "print everything as JSON")
    .addHelpText("after", "\nExample:\n  signalbox inventory --project ~/code/shop --propose registry\n")
    .action((flags: InventoryFlags) => inventory(context, flags));
};

function wholeDays(value: string): number {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw new InvalidArgumentError("a whole number of days from 1 to 3650");
  return days;
}

async function inventory(context: CommandContext, flags: InventoryFlags): Promise<void> {
  const config = context.config();
  const proxy = config.section("proxy", proxyConfigSchema);
  const registry = loadRegistry(controlFiles(config, proxy).registryDir);
  const home = resolve(flags.home ?? context.env.HOME ?? context.env.USERPROFILE ?? homedir());
  const projects = (flags.project ?? ["."]).map((folder) => resolve(folder));
  const files = clientFiles({ home, projects, ...(flags.home === undefined ? { env: context.env } : {}) });
  const proxyUrls = [ownUrl(proxy), ...(proxy.publicUrl === undefined ? [] : [proxy.publicUrl])];

  const { items, problems } = takeInventory({ files, registry, proxyUrls });
  const servers = items.map((item) => item.found);
  const names = new Set(registry.servers.keys());
  const traffic = await readTraffic(context, flags.days, names);
  const proposals = flags.propose === undefined ? undefined : propose(resolve(flags.propose), items, names);
  if (flags.json === true) {
    const drafts = proposals === undefined ? {} : { proposals };
    return context.print(JSON.stringify({ servers, problems, traffic, ...drafts }, null, 2));
  }
  printServers(context, servers, home);
  for (const problem of problems) context.print(showable(formatProblem(problem)));
  printTraffic(context, traffic, flags.days);
  if (proposals) for (const proposal of proposals) context.print(showable(proposalLine(proposal)));
  context.print(summary(servers, problems));
}

/** The store may be away, and the inventory is worth having without it. */
type Traffic = { readonly servers: readonly UnknownServer[] } | { readonly servers: null; readonly note: string };

async function readTraffic(context: CommandContext, days: number, registered: ReadonlySet<string>): Promise<Traffic> {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "inventory", requestTimeoutMs: STORE_TIMEOUT_MS });
  try {
    return { servers: await unknownServers(store, context.clock.nowMs() - days * DAY_MS, registered) };
  } catch {
    return { servers: null, note: "the store did not answer, so servers that only traffic shows are not listed" };
  } finally {
    await store.close();
  }
}

function printServers(context: CommandContext, servers: readonly FoundServer[], home: string): void {
  if (servers.length === 0) return;
  const rows = servers.map((server) => [
    server.name,
    server.client,
    server.scope,
    `${shortPath(server.file, home)}:${server.line}`,
    [server.transport, ...(server.bridge === undefined ? [] : [`by ${server.bridge}`]), ...(server.disabled ? ["(off)"] : [])].join(" "),
    server.leadsTo,
    server.registeredAs.join(",") || "-",
    server.throughProxy ? "yes" : "no",
    server.needs.join(", ") || "-",
  ]);
  const heading = ["server", "client", "scope", "file", "transport", "leads to", "registered", "proxied", "needs"];
  for (const line of columns([heading, ...rows].map((row) => row.map(showable)))) context.print(line);
}

function shortPath(file: string, home: string): string {
  const path = relative(home, file);
  return path.startsWith("..") ? file : `~/${path}`;
}

function printTraffic(context: CommandContext, traffic: Traffic, days: number): void {
  if (traffic.servers === null) return context.print(traffic.note);
  if (traffic.servers.length === 0) return;
  context.print(`Asked for at the proxy in the last ${days} days, and not registered:`);
  const rows = traffic.servers.map((s) => [
    s.server,
    String(s.calls),
    `${s.agents.join(",")}${s.agentCount > s.agents.length ? ` and ${s.agentCount - s.agents.length} more` : ""}`,
    new Date(s.lastSeenMs).toISOString().slice(0, 16).replace("T", " "),
  ]);
  for (const line of columns([["server", "calls", "agents", "last seen (UTC)"], ...rows].map((row) => row.map(showable)))) context.print(line);
}

function proposalLine({ state, file, name, leadsTo, why }: Proposal): string {
  if (state === "written") return `draft    ${file}`;
  if (state === "kept") return `kept     ${file}, which was there already`;
  return `no draft ${name}${leadsTo.startsWith("unknown") ? "" : ` (${leadsTo})`}: ${why}`;
}

function summary(servers: readonly FoundServer[], problems: readonly FileProblem[]): string {
  const registered = servers.filter((s) => s.registeredAs.length > 0).length;
  const proxied = servers.filter((s) => s.throughProxy).length;
  const broken = new Set(problems.map((p) => p.file)).size;
  const files = new Set(servers.map((s) => s.file)).size;
  const unread = broken === 0 ? "" : `; ${count(broken, "file")} with faults`;
  return `${count(servers.length, "server")} in ${count(files, "file")}: ${registered} registered, ${proxied} through the proxy${unread}`;
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
