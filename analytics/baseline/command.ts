import { Option, type Command } from "commander";
import { storeConfigSchema } from "../../collector/config.ts";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { sqlError } from "../../collector/sql/errors.ts";
import { createStoreClient } from "../../collector/store/client.ts";
import { analyticsConfigSchema } from "../config.ts";
import { parseTime } from "../time-flag.ts";
import { entityKinds, metrics, pairKinds, type EntityKind, type Metric } from "./metrics.ts";
import type { Baseline } from "./model.ts";
import { answerOf, baselineLines } from "./print.ts";
import { readBaselines } from "./read.ts";

interface Flags {
  readonly metric?: Metric;
  readonly kind?: EntityKind;
  readonly at?: number;
  readonly json?: boolean;
}

const TIMEOUT_MS = 300_000;

export function registerBaseline(program: Command, context: CommandContext): void {
  program
    .command("baseline <entity>")
    .description("what is usual for a server, tool, agent, task class or pair, from which data, since when, and why")
    .addOption(new Option("--metric <name>", "only this one").choices([...metrics]))
    .addOption(new Option("--kind <kind>", "what the entity is, where several have its name").choices([...entityKinds]))
    .option("--at <time>", "the hour asked about, ISO 8601 (default: now); the answer is what was known then", parseTime)
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      "\nA tool is server/tool, a pair agent@server, agent@server/tool or taskclass@server/tool, and all is everything.\n\nExamples:\n  signalbox baseline github/create_issue --metric upstream_ms\n" +
        "  signalbox baseline triage-bot --at 2026-01-31T10:00:00Z\n  signalbox baseline triage-bot@github --json\n",
    )
    .action((entity: string, flags: Flags) => baseline(context, entity, flags));
}

async function baseline(context: CommandContext, entity: string, flags: Flags): Promise<void> {
  const config = context.config().section("analytics", analyticsConfigSchema).baselines;
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "baseline", requestTimeoutMs: TIMEOUT_MS });
  const nowMs = context.clock.nowMs();
  const atMs = flags.at ?? nowMs;
  try {
    // Names of pairs hold an @, and others may too; without one it can't be a pair.
    const kinds = entity.includes("@") ? entityKinds : entityKinds.filter((kind) => !pairKinds.includes(kind));
    const question = { atMs, untilMs: nowMs, asOfMs: Math.min(nowMs, atMs), metrics: flags.metric === undefined ? metrics : [flags.metric], kinds };
    const all = await readBaselines(store, question, config);
    const found = pick(all, entity, flags.kind);
    if (flags.json === true) return context.print(JSON.stringify(found.map(answerOf), null, 2));
    for (const line of baselineLines(found)) context.print(line);
  } catch (error) {
    throw sqlError(error, url);
  } finally {
    await store.close();
  }
}

function pick(all: readonly Baseline[], entity: string, kind: EntityKind | undefined): Baseline[] {
  const named = all.filter(({ own }) => own.entity === entity && (kind === undefined || own.kind === kind));
  const kinds = [...new Set(named.map(({ own }) => own.kind))];
  if (kinds.length > 1) throw new SignalboxError("E_BASELINE", `"${entity}" is the name of ${kinds.join(" and ")}`, { remedy: `choose with --kind ${kinds[0]!}` });
  if (named.length > 0) return named;
  throw new SignalboxError("E_BASELINE", `nothing was recorded of ${kind ?? "an entity"} "${entity}" in the weeks before that hour`, {
    remedy: "a tool is server/tool, a pair agent@server/tool; signalbox sql shows names: SELECT DISTINCT agent, server, tool FROM calls_1d",
  });
}
