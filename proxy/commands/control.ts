import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { FileError, formatProblem, type FileProblem } from "../../collector/kernel/errors.ts";
import { proxyConfigSchema } from "../config.ts";
import { controlFiles } from "../control-files.ts";
import { appendKey, createKey, loadKeys, loadKeysIfPresent } from "../identity/keys-file.ts";
import { checkPolicies } from "../policy/check.ts";
import { loadPolicies } from "../policy/load-policies.ts";
import { runPolicyTests } from "../policy/policy-test.ts";
import { loadRegistry } from "../registry/load-registry.ts";
import { columns } from "./columns.ts";

/** `registry`, `policy` and `keys`: what a person does with the files that decide, without the proxy running. */
export const registerControl: RegisterCommands = (program, context) => {
  const registry = program.command("registry").description("the servers that agents may reach");
  describe(registry, "check", "read every server file and report every fault", "signalbox registry check --json")
    .option("--json", "print the faults as JSON")
    .action(({ json }: { json?: boolean }) => reporting(context, json === true, () => checkRegistry(context, json === true)));
  describe(registry, "list", "list the servers with their owner, risk tier and lifecycle", "signalbox registry list")
    .action(() => reporting(context, false, () => listRegistry(context)));

  const policy = program.command("policy").description("the rules that decide who may call what");
  describe(policy, "check", "report rules that are wrong, can never decide, or repeat others", "signalbox policy check")
    .option("--json", "print the findings as JSON")
    .action(({ json }: { json?: boolean }) => reporting(context, json === true, () => checkRules(context, json === true)));
  describe(policy, "test", "run the cases in tests/*.yaml beside the rules", "signalbox policy test")
    .action(() => reporting(context, false, () => testRules(context)));

  const keys = program.command("keys").description("the API keys that agents call with");
  describe(keys, "create", "make a key and print it once; only its hash is kept", "signalbox keys create --agent triage-agent --ttl-days 90")
    .requiredOption("--agent <name>", "the agent that will call with it")
    .option("--principal <name>", "the person or service that the agent acts for (the agent itself if absent)")
    .option("--task-class <name>", "the kind of task that its calls belong to (proxy.defaultTaskClass if absent)")
    .option("--ttl-days <days>", "how long it is valid (until revoked if absent)", wholeDays)
    .action((options: KeyOptions) => reporting(context, false, () => makeKey(context, options)));
  describe(keys, "list", "list the keys by id; the keys themselves are not stored", "signalbox keys list")
    .action(() => reporting(context, false, () => listKeys(context)));
};

interface KeyOptions {
  agent: string;
  principal?: string;
  taskClass?: string;
  ttlDays?: number;
}

function describe(parent: Command, name: string, description: string, example: string): Command {
  return parent.command(name).description(description).addHelpText("after", `\nExample:\n  ${example}\n`);
}

function wholeDays(value: string): number {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw new InvalidArgumentError("a whole number of days from 1 to 3650");
  return days;
}

/** Runs a verb; faults in files become one line each and exit code 1. */
function reporting(context: CommandContext, json: boolean, run: () => readonly FileProblem[] | void): void {
  let problems: readonly FileProblem[];
  try {
    problems = run() ?? [];
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    problems = error.problems;
  }
  if (json) context.print(JSON.stringify({ problems }, null, 2));
  else for (const problem of problems) context.print(formatProblem(problem));
  if (problems.length > 0) process.exitCode = 1;
}

function where(context: CommandContext) {
  const config = context.config();
  const proxy = config.section("proxy", proxyConfigSchema);
  return { ...controlFiles(config, proxy), dataDir: config.dataDir, environment: proxy.environment };
}

function checkRegistry(context: CommandContext, json: boolean): void {
  const { registryDir } = where(context);
  const { servers, revision } = loadRegistry(registryDir);
  if (!json) context.print(`${registryDir}: ${count(servers.size, "server")}, revision ${revision}, no faults`);
}

function listRegistry(context: CommandContext): void {
  const { servers, revision } = loadRegistry(where(context).registryDir);
  const rows = [...servers.values()].map((s) => [
    s.name,
    s.version,
    s.lifecycle,
    s.mode,
    s.riskTier ?? "-",
    s.owner ?? "-",
    s.contact ?? "-",
    s.environments.join(","),
    s.taskClasses.join(",") || "any",
    String(Object.keys(s.tools).length),
  ]);
  const heading = ["server", "version", "lifecycle", "mode", "risk", "owner", "contact", "environments", "task classes", "tools"];
  for (const line of columns([heading, ...rows])) context.print(line);
  context.print(`revision ${revision}`);
}

function checkRules(context: CommandContext, json: boolean): readonly FileProblem[] {
  const { registryDir, policyDir, keysFile, dataDir } = where(context);
  const policies = loadPolicies(policyDir, { dataDir });
  const keys = loadKeysIfPresent(keysFile);
  const agents = keys.length > 0 ? new Set(keys.map((key) => key.agent)) : undefined;
  const findings = checkPolicies(policies, loadRegistry(registryDir), { agents });
  if (findings.length === 0 && !json) {
    context.print(`${policyDir}: ${count(policies.rules.length, "rule")}, version ${policies.set.version}, no faults`);
  }
  return findings;
}

function testRules(context: CommandContext): readonly FileProblem[] {
  const { registryDir, policyDir, dataDir, environment } = where(context);
  const snapshot = { policies: loadPolicies(policyDir, { dataDir }).set, registry: loadRegistry(registryDir), environment, dataDir };
  const results = runPolicyTests(join(policyDir, "tests"), snapshot, context.clock.nowMs());
  for (const { name, differences } of results) context.print(`${differences.length === 0 ? "pass" : "FAIL"}  ${name}`);
  const failed = results.filter((r) => r.differences.length > 0);
  context.print(`${results.length - failed.length} of ${count(results.length, "case")} passed`);
  return failed.map(({ name, at, differences }) => ({ ...at, message: `${name}: ${differences.join("; ")}` }));
}

function makeKey(context: CommandContext, options: KeyOptions): void {
  const { keysFile } = where(context);
  const { agent, principal = agent, taskClass, ttlDays } = options;
  const { key, entry } = createKey({ agent, principal, taskClass, ttlDays, nowMs: context.clock.nowMs() });
  appendKey(keysFile, entry);
  context.print(key);
  context.print(`Key ${entry.id} for ${agent} is in ${keysFile}, as a hash. The line above is shown this once.`);
}

function listKeys(context: CommandContext): void {
  const { keysFile } = where(context);
  if (!existsSync(keysFile)) {
    context.print(`no keys yet (${keysFile})`);
    return;
  }
  const now = context.clock.nowMs();
  const rows = loadKeys(keysFile).map((k) => [
    k.id,
    k.agent,
    k.principal,
    k.taskClass ?? "-",
    k.servers?.join(",") ?? "any",
    k.createdAt.slice(0, 10),
    k.expiresAt?.slice(0, 10) ?? "never",
    k.revoked ? "revoked" : k.expiresAt && Date.parse(k.expiresAt) <= now ? "expired" : "valid",
  ]);
  const heading = ["id", "agent", "principal", "task class", "servers", "created", "expires", "state"];
  for (const line of columns([heading, ...rows])) context.print(line);
}

const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? "" : "s"}`;
