import { join, resolve } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { storeConfigSchema } from "../../collector/config.ts";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { SignalboxError, type FileProblem } from "../../collector/kernel/errors.ts";
import { sqlError } from "../../collector/sql/errors.ts";
import { createStoreClient, type Store } from "../../collector/store/client.ts";
import { loadKeysIfPresent } from "../identity/keys-file.ts";
import { checkPolicies } from "../policy/check.ts";
import { loadPolicies } from "../policy/load-policies.ts";
import { runPolicyTests } from "../policy/policy-test.ts";
import { changeRows, summaryLines } from "../policy/simulate/format.ts";
import { createReplay } from "../policy/simulate/replay.ts";
import { simulate } from "../policy/simulate/simulate.ts";
import { suggestRules } from "../policy/suggest/suggest.ts";
import { loadRegistry } from "../registry/load-registry.ts";
import { loadDefinitions } from "../registry/pins/index.ts";
import { columns } from "../../collector/kernel/columns.ts";
import { controlPaths, count, describeVerb, reportFaults } from "./file-verb.ts";

/** `policy`: the rules, held against the registry, against their own cases and against what was recorded. */
export const registerPolicy: RegisterCommands = (program, context) => {
  const policy = program.command("policy").description("the rules that decide who may call what");
  describeVerb(policy, "check", "report rules that are wrong, can never decide, or repeat others", "signalbox policy check")
    .option("--json", "print the findings as JSON")
    .action(({ json }: { json?: boolean }) => reportFaults(context, json === true, () => checkRules(context, json === true)));
  describeVerb(policy, "test", "run the cases in tests/*.yaml beside the rules", "signalbox policy test")
    .action(() => reportFaults(context, false, () => testRules(context)));
  windowed(describeVerb(policy, "simulate", "replay recorded calls against other rules and list what would change", "signalbox policy simulate --policies proposed/ --days 14"))
    .requiredOption("--policies <dir>", "the rules to try, as they would be put into force")
    .option("--json", "print the result as JSON")
    .action((options: SimulateFlags) => simulateRules(context, options));
  windowed(describeVerb(policy, "suggest", "draft rules for calls that only the default covered", "signalbox policy suggest --days 7 > policies/drafts.yaml"))
    .action((options: WindowFlags) => suggest(context, options));
};

const DAY_MS = 86_400_000;

interface WindowFlags {
  readonly days: number;
  readonly from?: number;
  readonly to?: number;
}
interface SimulateFlags extends WindowFlags {
  readonly policies: string;
  readonly json?: boolean;
}

function windowed(command: Command): Command {
  return command
    .option("--days <n>", "how far back, where --from is not given", wholeDays, 7)
    .option("--from <time>", "ISO 8601, such as 2026-01-31T10:00:00Z", parseTime)
    .option("--to <time>", "ISO 8601 (now if absent)", parseTime);
}

function windowOf({ days, from, to }: WindowFlags, nowMs: number): { fromMs: number; toMs: number } {
  const toMs = to ?? nowMs;
  const fromMs = from ?? toMs - days * DAY_MS;
  if (fromMs >= toMs) throw new SignalboxError("E_WINDOW", "--from is not before --to", { remedy: "give the earlier time as --from" });
  return { fromMs, toMs };
}

function wholeDays(value: string): number {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw new InvalidArgumentError("a whole number of days from 1 to 3650");
  return days;
}

function parseTime(text: string): number {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new InvalidArgumentError("not a time such as 2026-01-31T10:00:00Z");
  return atMs;
}

async function withStore<T>(context: CommandContext, use: (store: Store) => Promise<T>): Promise<T> {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "policy" });
  try {
    return await use(store);
  } catch (error) {
    throw sqlError(error, url);
  } finally {
    await store.close();
  }
}

async function simulateRules(context: CommandContext, flags: SimulateFlags): Promise<void> {
  const { policyDir, dataDir } = controlPaths(context);
  const proposed = loadPolicies(resolve(flags.policies), { dataDir }).compiled;
  const replay = createReplay(proposed, loadPolicies(policyDir, { dataDir }).compiled, dataDir);
  const options = { replay, proposedVersion: proposed.version, ...windowOf(flags, context.clock.nowMs()) };
  const result = await withStore(context, (store) => simulate(store, options));
  if (flags.json === true) return context.print(JSON.stringify(result, null, 2));
  if (result.changes.length > 0) for (const line of columns(changeRows(result))) context.print(line);
  for (const line of summaryLines(result)) context.print(line);
}

async function suggest(context: CommandContext, flags: WindowFlags): Promise<void> {
  const registry = loadRegistry(controlPaths(context).registryDir);
  const text = await withStore(context, (store) => suggestRules(store, registry, windowOf(flags, context.clock.nowMs())));
  context.print(text.trimEnd());
}

function checkRules(context: CommandContext, json: boolean): readonly FileProblem[] {
  const { registryDir, policyDir, keysFile, dataDir } = controlPaths(context);
  const policies = loadPolicies(policyDir, { dataDir });
  const keys = loadKeysIfPresent(keysFile);
  const agents = keys.length > 0 ? new Set(keys.map((key) => key.agent)) : undefined;
  const findings = checkPolicies(policies, loadRegistry(registryDir), { agents, definitions: (server) => loadDefinitions(registryDir, server) });
  if (findings.length === 0 && !json) {
    context.print(`${policyDir}: ${count(policies.rules.length, "rule")}, version ${policies.set.version}, no faults`);
  }
  return findings;
}

function testRules(context: CommandContext): readonly FileProblem[] {
  const { registryDir, policyDir, dataDir, environment } = controlPaths(context);
  const snapshot = { policies: loadPolicies(policyDir, { dataDir }).set, registry: loadRegistry(registryDir), environment, dataDir };
  const results = runPolicyTests(join(policyDir, "tests"), snapshot, context.clock.nowMs());
  for (const { name, differences } of results) context.print(`${differences.length === 0 ? "pass" : "FAIL"}  ${name}`);
  const failed = results.filter((r) => r.differences.length > 0);
  context.print(`${results.length - failed.length} of ${count(results.length, "case")} passed`);
  return failed.map(({ name, at, differences }) => ({ ...at, message: `${name}: ${differences.join("; ")}` }));
}
