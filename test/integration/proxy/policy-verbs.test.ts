import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { createStoreClient } from "../../../collector/store/client.ts";
import { registerPolicy } from "../../../proxy/commands/policy.ts";
import { loadPolicies } from "../../../proxy/policy/load-policies.ts";
import { policyFileSchema } from "../../../proxy/policy/rule.ts";
import type { Simulation } from "../../../proxy/policy/simulate/simulate.ts";
import type { TestEngine } from "../../support/engine.ts";
import { startMigratedEngine } from "../../support/migrated-engine.ts";
import { insertCalls, type SeedCall } from "../analytics/seed.ts";
import { commandContext } from "../../support/command-context.ts";

const nowMs = Date.UTC(2026, 5, 8, 12);
const hour = 3_600_000;
let engine: TestEngine;
let dir: string;

const inForce = `rules:
  - { id: read, effect: allow, match: { servers: [tickets], effects: [read] } }
  - { id: small, effect: allow, match: { servers: [files], tools: [write_file] }, when: args.size < 10 }
`;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "signalbox-policy-"));
  for (const folder of ["policies", "proposed"]) mkdirSync(join(dir, folder));
  cpSync(join(import.meta.dirname, "../../fixtures/policies/registry"), join(dir, "registry"), { recursive: true });
  writeFileSync(join(dir, "policies/all.yaml"), inForce);
  engine = await startMigratedEngine();
  writeFileSync(join(dir, "signalbox.yaml"), `dataDir: data\nstore: { url: "${engine.url}" }\nproxy: { registry: registry, policies: policies }\n`);
  const { version } = loadPolicies(join(dir, "policies"), { dataDir: join(dir, "data") }).set;
  const store = createStoreClient({ url: engine.url, caller: "test" });
  const decided = (over: Partial<SeedCall>, columns: Record<string, unknown>, times: number): SeedCall[] =>
    Array.from({ length: times }, (_, i) => ({
      atMs: nowMs - (1 + (i % 40)) * hour,
      agent: "build",
      server: "tickets",
      tool: "search",
      taskClass: "research",
      ...over,
      columns: { policy_version: version, reason: "rule", environment: "development", ...columns },
    }));
  const calls = [
    ...decided({ policyIds: ["read"] }, {}, 30),
    ...decided({ agent: "release", policyIds: ["read"] }, {}, 10),
    ...decided({ server: "files", tool: "write_file", effect: "write", policyIds: ["small"] }, {}, 4),
    ...decided({ server: "files", tool: "write_file", effect: "write", policyIds: ["small"] }, { policy_version: "older" }, 2),
    ...decided({ server: "files", tool: "read_file", denied: true, policyIds: [] }, { basis: "default", reason: "no_rule" }, 6),
    ...decided({ server: "files", tool: "list_files", policyIds: [] }, { basis: "default", reason: "no_rule", mode: "observe", would_be: "deny" }, 3),
    ...decided({ denied: true, policyIds: [] }, { basis: "default", reason: "task_class_not_approved" }, 5),
    ...decided({ atMs: nowMs - 30 * 24 * hour, policyIds: ["read"] }, {}, 100),
  ];
  await insertCalls(store, calls);
  await store.close();
});
afterAll(async () => {
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<string> {
  const { context, lines } = commandContext(dir, nowMs);
  const program = new Command("signalbox").exitOverride().configureOutput({ writeErr: () => undefined });
  registerPolicy(program, context);
  await program.parseAsync(args, { from: "user" });
  return lines.join("\n");
}

async function simulate(proposed: string, ...args: string[]): Promise<Simulation> {
  writeFileSync(join(dir, "proposed/all.yaml"), proposed);
  return JSON.parse(await run("policy", "simulate", "--policies", join(dir, "proposed"), "--json", ...args)) as Simulation;
}

it("the rules in force would change nothing, and calls under other rules that depend on arguments are unknown", async () => {
  const result = await simulate(inForce);
  expect(result).toMatchObject({ calls: 55, unchanged: 53, changed: 0, unknown: 2, unknownByRule: [{ rule: "small", calls: 2 }], changes: [], incomplete: false });
  expect(result.leftOut).toEqual([{ why: "task_class_not_approved", calls: 5 }]);
});

it("what other rules would change is listed by agent, tool and task class, with a call to look at", async () => {
  const proposed = inForce.replace("effects: [read] }", "effects: [read], agents: [build] }").replace("effect: allow, match: { servers: [files]", "effect: hold, match: { servers: [files]");
  const { changes, changed, unknown } = await simulate(`${proposed}  - { id: files, effect: allow, match: { servers: [files], tools: [read_file] } }\n`);
  expect(changes.map(({ agent, server, tool, taskClass, was, wouldBe, rules, calls }) => [agent, server, tool, taskClass, was, wouldBe, rules, calls])).toEqual([
    ["release", "tickets", "search", "research", "allow", "deny", [], 10],
    ["build", "files", "read_file", "research", "deny", "allow", ["files"], 6],
  ]);
  expect(changes.every(({ example }) => /^p1-\d+$/.test(example))).toBe(true);
  expect([changed, unknown]).toEqual([16, 6]);
});

it("a rule about the hour is asked at the hour of each call", async () => {
  const nights = `${inForce}  - { id: nights, effect: deny, match: { servers: [tickets] }, when: now.getHours() < 6 }\n`;
  const { changes } = await simulate(nights);
  // 30 calls of one agent and 10 of the other, one an hour backwards from 11:00.
  const atNight = (n: number) => Array.from({ length: n }, (_, i) => new Date(nowMs - (1 + i) * hour).getUTCHours()).filter((h) => h < 6).length;
  expect(changes.map(({ agent, calls }) => [agent, calls])).toEqual([["build", atNight(30)], ["release", atNight(10)]]);
});

it("the window may be given by days or by times, and the text says what a table cannot", async () => {
  expect((await simulate(inForce, "--days", "60")).calls).toBe(155);
  expect((await simulate(inForce, "--from", "2026-06-08T10:30:00Z", "--to", "2026-06-08T11:30:00Z")).calls).toBe(6);
  const text = await run("policy", "simulate", "--policies", join(dir, "proposed"));
  expect(text).toContain("0 would be decided otherwise, 53 as before, 2 unknown");
  expect(text).toContain("  small: 2");
  await expect(run("policy", "simulate", "--policies", join(dir, "proposed"), "--from", "2026-06-09T00:00:00Z")).rejects.toThrow("--from is not before --to");
});

it("rules that are not valid are refused before anything is replayed", async () => {
  await expect(simulate("rules: [{ id: x, effect: alow }]\n")).rejects.toThrow(/all\.yaml:1/);
});

it("suggest drafts rules for calls that only the default covered, which then are covered", async () => {
  const text = await run("policy", "suggest");
  const { rules } = policyFileSchema.parse(parse(text));
  expect(rules.map(({ effect, match }) => [effect, match.agents, match.servers, match.tools])).toEqual([["allow", ["build"], ["files"], ["read_file"]]]);
  expect(text).toContain("# 6 calls by build, first 2026-06-08T06:00:00Z, last 2026-06-08T11:00:00Z");
  expect(text).toContain("No rule is drafted for 3 of the calls: the registry does not list the tool.");
  const { changes } = await simulate(inForce + text.slice(text.indexOf("rules:") + 7));
  expect(changes.map(({ tool, wouldBe }) => [tool, wouldBe])).toEqual([["read_file", "allow"]]);
});

it("a store that does not answer is said to be the reason", async () => {
  const config = join(dir, "signalbox.yaml");
  writeFileSync(config, "dataDir: data\nstore: { url: \"http://127.0.0.1:1\" }\nproxy: { registry: registry, policies: policies }\n");
  try {
    await expect(run("policy", "suggest")).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
  } finally {
    writeFileSync(config, `dataDir: data\nstore: { url: "${engine.url}" }\nproxy: { registry: registry, policies: policies }\n`);
  }
});
