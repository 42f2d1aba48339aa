/** The suite's client scenarios against the proxy's upstream side, where the proxy is a client of servers that want OAuth. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatTable } from "../support/table.ts";
import { clientScenarios, runScenario, type ScenarioRun } from "./suite.ts";

const driver = fileURLToPath(new URL("upstream-client.ts", import.meta.url));
/** Each is a suite and a proxy: as many as a small machine runs without one of them being late. */
const AT_ONCE = 2;

const LOGIN = "a person's login in a browser: the proxy is nobody's browser, and gets tokens as itself or by what a caller brought";
const REGISTRATION = "clients that register themselves: the proxy's client is registered by whoever runs it";
const DPOP = "tokens that are bound to a key (DPoP): not made by the proxy";

/** What can't pass, by check; `*` stands for whatever a scenario checks. Anything else must. */
const beyond: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "*": { "authorization-request": LOGIN, "resource-parameter-in-authorization": LOGIN, "client-registration": REGISTRATION },
  "auth/basic-cimd": { "cimd-client-id-used": LOGIN },
  "auth/scope-from-www-authenticate": { "scope-from-www-authenticate": LOGIN },
  "auth/scope-from-scopes-supported": { "scope-from-scopes-supported": LOGIN },
  "auth/scope-omitted-when-undefined": { "scope-omitted-when-undefined": LOGIN },
  "auth/scope-step-up": { "scope-step-up-initial": LOGIN, "scope-step-up-escalation": LOGIN, "sep-2350-scope-union-on-reauth": LOGIN },
  "auth/scope-retry-limit": { "scope-retry-limit": LOGIN },
  "auth/offline-access-scope": { "sep-2207-offline-access-requested": LOGIN },
  "auth/offline-access-not-supported": { "sep-2207-offline-access-not-requested": LOGIN },
  "auth/authorization-server-migration": { "sep-2352-reregister-on-as-change": REGISTRATION },
  "auth/iss-supported-missing": { "sep-2468-client-reject-missing-iss": LOGIN },
  "auth/iss-wrong-issuer": { "sep-2468-client-compare-iss-supported": LOGIN },
  "auth/iss-unexpected": { "sep-2468-client-compare-iss-unadvertised": LOGIN },
  "auth/iss-normalized": { "sep-2468-client-no-normalization": LOGIN },
  "auth/dpop": { "*": DPOP },
  "auth/dpop-nonce": { "*": DPOP },
};

/**
 * Where the call through the proxy must fail, and in the others it must come back with a result: there is no credential that
 * would be right, or the suite's authorization server gives none, because a token's scopes are those of the login before it.
 */
const refusing: ReadonlySet<string> = new Set([
  ...["auth/resource-mismatch", "auth/metadata-issuer-mismatch", "auth/scope-retry-limit", "auth/authorization-server-migration"],
  ...["auth/scope-from-www-authenticate", "auth/scope-step-up"],
]);

export interface ScenarioResult {
  readonly scenario: string;
  readonly passed: readonly string[];
  readonly failed: readonly { readonly check: string; readonly why: string }[];
  /** Checks that fail because of what the proxy does not do by design. */
  readonly beyond: readonly { readonly check: string; readonly why: string }[];
}

export async function runUpstreamSide(folder: string): Promise<{ table: string; json: readonly ScenarioResult[]; complete: boolean }> {
  await mkdir(folder, { recursive: true });
  const waiting = (await clientScenarios()).filter(({ name }) => name.startsWith("auth/"));
  const results = new Map<string, ScenarioResult>(waiting.map(({ name }) => [name, { scenario: name, passed: [], failed: [], beyond: [] }]));
  const worker = async (): Promise<void> => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
      const { name } = scenario;
      const run = await runScenario(scenario, `${process.execPath} ${driver}`, join(folder, name.replaceAll("/", "-")));
      results.set(name, judge(name, run));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const all = [...results.values()];
  return { table: report(all), json: all, complete: all.every(({ failed }) => failed.length === 0) };
}

function judge(scenario: string, { checks, fault }: ScenarioRun): ScenarioResult {
  const bad = new Map<string, string>();
  const good = new Set<string>();
  for (const { id, status, errorMessage, description } of checks) {
    // As the suite sees it: what a client SHOULD do counts.
    if (status === "FAILURE" || status === "WARNING") bad.set(id, errorMessage ?? description ?? "failed");
    else if (status === "SUCCESS") good.add(id);
  }
  const whyNot = (check: string): string | undefined => beyond[scenario]?.[check] ?? beyond[scenario]?.["*"] ?? beyond["*"]![check];
  const failed = [...bad].flatMap(([check, why]) => (whyNot(check) === undefined ? [{ check, why }] : []));
  // What was not to pass and does is to be told too: this table is what the documentation says.
  for (const check of good) if (!bad.has(check) && beyond[scenario]?.[check] !== undefined) failed.push({ check, why: "passes, and is listed as what can't" });
  const ended = fault === "" ? "ok" : "refused";
  if (ended !== (refusing.has(scenario) ? "refused" : "ok")) failed.push({ check: "(the call)", why: fault || "went through" });
  if (checks.length === 0) failed.push({ check: "(none)", why: "the scenario left no result" });
  return {
    scenario,
    passed: [...good].filter((check) => !bad.has(check)),
    failed,
    beyond: [...bad.keys()].flatMap((check) => (whyNot(check) === undefined ? [] : [{ check, why: whyNot(check)! }])),
  };
}

function report(results: readonly ScenarioResult[]): string {
  const rows = results.map(({ scenario, passed, failed, beyond: cannot }) => [scenario, String(passed.length), String(failed.length), String(cannot.length)]);
  const reasons = new Map<string, string[]>();
  for (const { scenario, beyond: cannot } of results) for (const { check, why } of cannot) reasons.set(why, [...(reasons.get(why) ?? []), `${scenario} ${check}`]);
  return [
    formatTable([["scenario", "checks passed", "failed", "can't"], ...rows]),
    ...results.flatMap(({ scenario, failed }) => failed.map(({ check, why }) => `failed: ${scenario} ${check}: ${why}`)),
    ...[...reasons].flatMap(([why, which]) => [`can't: ${why}:`, ...which.map((one) => `  ${one}`)]),
  ].join("\n");
}
