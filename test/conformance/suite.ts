import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { parse } from "yaml";

/** The frozen sets of the suite: what a server must pass for a revision of the protocol. */
export const requirementSets = ["2025-11-25", "2026-07-28"] as const;
export type RequirementSet = (typeof requirementSets)[number];

const suiteFolder = dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json"));
const limitMs = 5 * 60_000;

export interface Check {
  id: string;
  status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  errorMessage?: string;
  description?: string;
}

export interface SuiteResult {
  required: string[];
  /** Required scenarios that failed, broke off, or left no result. */
  missed: string[];
  /** Checks by scenario, those that are not scored among them. */
  checks: Map<string, Check[]>;
}

/** Runs one requirement set against `url`; the suite's own results and output stay in `folder`. */
export async function runSuite(url: string, set: RequirementSet, folder: string): Promise<SuiteResult> {
  await mkdir(folder, { recursive: true });
  await runProcess(["server", "--url", url, "--requirements", set, "-o", folder], join(folder, "output.log"));
  const checks = await readChecks(folder);
  const required = await requiredScenarios(set);
  const missed = required.filter((name) => !checks.get(name)?.length || hasFailure(checks.get(name)));
  return { required, missed, checks };
}

/** Checks with a status, in the required scenarios or in those that are run but not scored. */
export function countChecks(result: SuiteResult, status: Check["status"], scored: boolean): number {
  const scenarios = [...result.checks].filter(([name]) => result.required.includes(name) === scored);
  return scenarios.flatMap(([, checks]) => checks).filter((check) => check.status === status).length;
}

function hasFailure(checks: Check[] | undefined): boolean {
  return checks?.some((check) => check.status === "FAILURE") ?? false;
}

/** The exit code is of no use here: it is 1 both for a failed check and for a suite that could not run. */
async function runProcess(args: string[], logFile: string): Promise<void> {
  const child = spawn(process.execPath, [join(suiteFolder, "dist/index.js"), ...args], { timeout: limitMs });
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  await new Promise<void>((resolve, reject) => child.once("error", reject).once("close", () => resolve()));
  await finished(log.end());
}

export interface ClientScenario {
  readonly name: string;
  /** Absent for an extension, which is on no revision's timeline. */
  readonly revision: RequirementSet | undefined;
}

/** Every client scenario that the newest set names, those too that it does not score. */
export async function clientScenarios(): Promise<ClientScenario[]> {
  const revision = requirementSets.at(-1)!;
  const file = await readFile(join(suiteFolder, "requirements", `${revision}.yaml`), "utf8");
  const { client, not_scored: unscored } = parse(file) as { client: string[]; not_scored: { scenario: string; leg: string; reason: string }[] };
  return [
    ...client.map((name) => ({ name, revision })),
    ...unscored.filter(({ leg }) => leg === "client").map(({ scenario: name, reason }) => ({ name, revision: reason === "extension" ? undefined : revision })),
  ];
}

export interface ScenarioRun {
  /** None where the scenario broke off. */
  readonly checks: readonly Check[];
  /** What the client said on standard error; empty where all went well for it. */
  readonly fault: string;
}

/** Runs one client scenario with `command` as the client. */
export async function runScenario({ name, revision }: ClientScenario, command: string, folder: string): Promise<ScenarioRun> {
  await mkdir(folder, { recursive: true });
  const version = revision === undefined ? [] : ["--spec-version", revision];
  await runProcess(["client", "--command", command, "--scenario", name, ...version, "--timeout", "120000", "-o", folder], join(folder, "output.log"));
  const found = (await readdir(folder, { recursive: true })).find((file) => file.endsWith("checks.json"));
  if (found === undefined) return { checks: [], fault: "" };
  const [checks, fault] = await Promise.all([readFile(join(folder, found), "utf8"), readFile(join(folder, dirname(found), "stderr.txt"), "utf8")]);
  return { checks: JSON.parse(checks) as Check[], fault: fault.trim() };
}

async function requiredScenarios(set: RequirementSet): Promise<string[]> {
  const file = await readFile(join(suiteFolder, "requirements", `${set}.yaml`), "utf8");
  return (parse(file) as { server: string[] }).server;
}

/** Each scenario leaves a folder `server-<scenario>-<time>` with its checks, unless it broke off. */
async function readChecks(folder: string): Promise<Map<string, Check[]>> {
  const checks = new Map<string, Check[]>();
  for (const entry of await readdir(folder)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(entry)?.[1];
    if (scenario === undefined) continue;
    checks.set(scenario, JSON.parse(await readFile(join(folder, entry, "checks.json"), "utf8")) as Check[]);
  }
  return checks;
}
