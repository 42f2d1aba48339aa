import type { Command } from "commander";
import { storeConfigSchema, type StoreConfig } from "../config.ts";
import type { CommandContext } from "../kernel/command.ts";
import { SignalboxError } from "../kernel/errors.ts";
import type { RetentionState } from "./apply-retention.ts";
import type { Store } from "./client.ts";

/** What can be asked of a store that runs, and done to it: `signalbox store retention`, `signalbox store users`. */
export function registerStoreVerbs(store: Command, context: CommandContext): void {
  store
    .command("retention")
    .description("how long each table's rows are kept, by risk tier, and whether the store goes by it; `signalbox migrate` and every start of the collector make it so")
    .option("--json", "print the rules as JSON")
    .action((flags: { json?: boolean }) =>
      withStore(context, async (client, { retention, cluster }) => {
        const { readRetention } = await import("./apply-retention.ts");
        const states = await readRetention({ store: client, retention, cluster: cluster ?? null });
        if (flags.json) context.print(JSON.stringify(states.map(toJson)));
        else for (const line of describe(states)) context.print(line);
      }),
    );
  store
    .command("users")
    .description("the users, roles, limits and quotas of a ClickHouse server: prints their statements, or runs them")
    .option("--print", "print the statements, with the hashes of passwords hidden (default)")
    .option("--apply", "run them on the configured server, as the user that the configuration names")
    .option("--json", "print them as JSON")
    .action((flags: { print?: boolean; apply?: boolean; json?: boolean }) => users(context, flags));
}

async function users(context: CommandContext, flags: { apply?: boolean; json?: boolean }): Promise<void> {
  const config = context.config().section("store", storeConfigSchema);
  const { masked, readHashes, tablesOf, usersStatements } = await import("./users.ts");
  const { readMigrations } = await import("./migrate.ts");
  const { accounts, limits, database, cluster = null } = config;
  const hashes = await readHashes(accounts, context.env, context.config().baseDir);
  const tables = tablesOf(await readMigrations(new URL("./migrations/", import.meta.url)));
  const statements = usersStatements({ accounts, hashes, limits, database, cluster, tables });
  if (flags.apply) await applyUsers(context, config, statements);
  const shown = statements.map(masked);
  if (flags.json) context.print(JSON.stringify({ applied: flags.apply === true, users: Object.keys(hashes), statements: shown }));
  else if (flags.apply) context.print(`Ran ${statements.length} statements; users: ${Object.keys(hashes).join(", ") || "none, since no hash is configured"}.`);
  else for (const one of shown) context.print(`${one};`);
}

async function applyUsers(context: CommandContext, config: StoreConfig, statements: readonly string[]): Promise<void> {
  if (!config.external) {
    throw new SignalboxError("E_STORE_USERS", "the embedded store keeps no users by SQL", {
      remedy: "its two kinds of access are store.users; name a ClickHouse server in store.url for roles and quotas",
    });
  }
  await withStore(context, async (client) => {
    for (const [i, statement] of statements.entries()) {
      try {
        await client.command(statement);
      } catch (cause) {
        // The server's message may quote the statement, and a hash with it.
        const { code, type } = cause as { code?: string; type?: string };
        const { masked } = await import("./users.ts");
        throw new SignalboxError("E_STORE_USERS", `statement ${i + 1} of ${statements.length} was refused (${type ?? "error"}, code ${code ?? "unknown"}): ${masked(statement).slice(0, 120)}`, {
          remedy: "the configured user must have access management; earlier statements may have run, and all may be run again",
        });
      }
    }
  });
}

async function withStore(context: CommandContext, work: (client: Store, config: StoreConfig) => Promise<void>): Promise<void> {
  const config = context.config().section("store", storeConfigSchema);
  const { createStoreClient } = await import("./client.ts");
  const client = createStoreClient({ ...config, caller: "store" });
  try {
    await work(client, config);
  } finally {
    await client.close();
  }
}

function toJson({ table, kept, inForce, current, completeFrom }: RetentionState) {
  return { table, kept, inForce, inStore: current !== undefined, completeFrom };
}

function describe(states: readonly RetentionState[]): string[] {
  return states.map(({ table, kept, inForce, current, completeFrom }) => {
    const rule = kept.map(({ tier, days }) => `${tier === "" ? "" : `${tier} `}${days === null ? "for ever" : `${days}d`}`).join(", ");
    const state = current === undefined ? "the store has no such table" : inForce ? "in force" : "NOT in force: run `signalbox migrate`";
    return `${table.padEnd(24)} ${rule.padEnd(46)} ${state}${completeFrom === null ? "" : `, complete from ${completeFrom}`}`;
  });
}
