import { Option, type Command } from "commander";
import { storeConfigSchema, type StoreConfig } from "../config.ts";
import type { CommandContext } from "../kernel/command.ts";
import type { RetentionState } from "./apply-retention.ts";
import type { Store } from "./client.ts";

/** What can be asked of a store that runs: `signalbox store retention`. */
export function registerStoreVerbs(store: Command, context: CommandContext): void {
  store
    .command("retention")
    .description("how long each table's rows are kept, by risk tier, and whether the store goes by it; `signalbox migrate` and every start of the collector make it so")
    .addOption(new Option("--json", "print the rules as JSON"))
    .action((flags: { json?: boolean }) =>
      withStore(context, async (client, { retention, cluster }) => {
        const { readRetention } = await import("./apply-retention.ts");
        const states = await readRetention({ store: client, retention, cluster: cluster ?? null });
        if (flags.json) context.print(JSON.stringify(states.map(toJson)));
        else for (const line of describe(states)) context.print(line);
      }),
    );
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
