/** Runs the official conformance suite against the fixture server, directly and through the proxy. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startFixtureProcess } from "../support/mcp-fixture.ts";
import { formatTable } from "../support/table.ts";
import { countChecks, requirementSets, runSuite, type RequirementSet, type SuiteResult } from "./suite.ts";
import { runTransports } from "./transports.ts";
import { runUpstreamSide } from "./upstream-side.ts";
import { startTarget, targetNames, type TargetName } from "./targets.ts";

const help = `Usage: npm run conformance -- [options]

Runs the server scenarios that the protocol revisions ${requirementSets.join(" and ")} require.
Exits with 1 unless every target passes all of them. With --transports, tries every pair of a client's and a server's transport
and era through the proxy instead, and each set of requirements across the bridge, and says what passes, and why the rest
can't. With --client, runs the suite's scenarios for clients against the proxy's upstream side, where it has tokens issued for
servers that want OAuth.

  --only <target>  run one target: ${targetNames.join(", ")} (default: direct and proxy)
  --transports     the table of transports and eras
  --client         the table of OAuth toward servers
  --json           print the results as JSON
  --help           show this`;

interface Run {
  target: TargetName;
  set: RequirementSet;
  result?: SuiteResult;
  /** Why there is no result. */
  fault?: string;
}

const { values } = parseArgs({
  options: { only: { type: "string" }, json: { type: "boolean" }, transports: { type: "boolean" }, client: { type: "boolean" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const folder = await mkdtemp(join(tmpdir(), "signalbox-conformance-"));
if (values.transports) {
  const { table, json, complete } = await runTransports(folder);
  if (complete) await rm(folder, { recursive: true, force: true });
  console.log(values.json ? JSON.stringify(json, null, 2) : table);
  process.exit(complete ? 0 : 1);
}
if (values.client) {
  const folder = await mkdtemp(join(tmpdir(), "signalbox-conformance-"));
  const { table, json, complete } = await runUpstreamSide(folder);
  console.log(values.json ? JSON.stringify(json, null, 2) : table);
  if (complete) await rm(folder, { recursive: true, force: true });
  else console.error(`The suite's own results are in ${folder}`);
  process.exit(complete ? 0 : 1);
}
const targets = targetNames.filter((name) => (values.only ? name === values.only : name !== "passthrough"));
if (targets.length === 0) {
  console.error(help);
  process.exit(2);
}

const runs: Run[] = [];
for (const target of targets) runs.push(...(await runTarget(target)));

const complete = runs.every((run) => run.result?.missed.length === 0);
console.log(values.json ? JSON.stringify(runs.map(summary), null, 2) : report(runs));
if (complete) await rm(folder, { recursive: true, force: true });
else console.error(`The suite's own results are in ${folder}`);
process.exit(complete ? 0 : 1);

/** Each target gets a fixture of its own, so that no session of one is seen by the next. */
async function runTarget(name: TargetName): Promise<Run[]> {
  const fixture = await startFixtureProcess();
  try {
    const target = await startTarget(name, fixture.url);
    try {
      const done: Run[] = [];
      for (const set of requirementSets) {
        done.push({ target: name, set, result: await runSuite(target.url, set, join(folder, name, set)) });
      }
      return done;
    } finally {
      await target.stop();
    }
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return requirementSets.map((set) => ({ target: name, set, fault }));
  } finally {
    await fixture.stop();
  }
}

function summary({ target, set, result, fault }: Run) {
  if (!result) return { target, set, fault };
  return {
    target,
    set,
    required: result.required.length,
    passed: result.required.length - result.missed.length,
    missed: result.missed,
    checks: countStatuses(result, true),
    /** Extensions and scenarios that are newer than the set. */
    unscored: countStatuses(result, false),
    lost: lostChecks(target, set, result),
  };
}

function countStatuses(result: SuiteResult, scored: boolean) {
  return {
    passed: countChecks(result, "SUCCESS", scored),
    failed: countChecks(result, "FAILURE", scored),
    warnings: countChecks(result, "WARNING", scored),
  };
}

function report(all: Run[]): string {
  const rows = all.map((run) => {
    const { target, set, passed, required, checks, unscored, fault } = summary(run);
    if (!checks || !unscored) return [target, set, fault ?? "no result", "", "", "", "", ""];
    const counts = [checks.passed, checks.failed, checks.warnings, unscored.passed, unscored.failed];
    return [target, set, `${passed} / ${required}`, ...counts.map(String)];
  });
  const heading = ["target", "requirements", "scenarios", "checks passed", "failed", "warnings", "unscored passed", "failed"];
  const details = all.flatMap((run) => describeMissed(run));
  return [formatTable([heading, ...rows]), ...details].join("\n");
}

function describeMissed({ target, set, result }: Run): string[] {
  if (!result) return [];
  const lines = result.missed.map((scenario) => {
    const failed = result.checks.get(scenario)?.filter((check) => check.status === "FAILURE") ?? [];
    const why = failed.map((check) => `${check.id}: ${check.errorMessage ?? "failed"}`).join("; ");
    return `missed ${target} ${set} ${scenario}: ${why || "left no result"}`;
  });
  return [...lines, ...lostChecks(target, set, result).map((id) => `lost ${target} ${set} ${id}`)];
}

/** Checks that pass directly and not here. Scenarios that are not scored count too: what is in between must not matter. */
function lostChecks(target: TargetName, set: RequirementSet, result: SuiteResult): string[] {
  const direct = runs.find((run) => run.target === "direct" && run.set === set)?.result;
  if (!direct || target === "direct") return [];
  return [...direct.checks].flatMap(([scenario, checks]) =>
    checks
      .filter((check) => check.status === "SUCCESS")
      .filter(({ id }) => !result.checks.get(scenario)?.some((check) => check.id === id && check.status === "SUCCESS"))
      .map(({ id }) => `${scenario} ${id}`),
  );
}
