import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { limitFits, limitSchema, compileLimit, type LimitFacts } from "../../../proxy/limits/limit.ts";
import { limitsFile, loadLimits } from "../../../proxy/limits/load-limits.ts";
import { loadControlPlane } from "../../../proxy/load-control-plane.ts";
import { watchControlPlane } from "../../../proxy/watch-control-plane.ts";
import type { ControlPlane } from "../../../proxy/control-plane.ts";
import { annotatedFiles, asAnnotated, faultsOf } from "../registry/annotated.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/limits");

describe("a file of limits is refused, with its place, for", () => {
  for (const { name, file, expected } of annotatedFiles(join(fixtures, "bad"), "refused")) {
    it(name, () => expect(asAnnotated(faultsOf(() => loadLimits(file)), expected)).toEqual(expected));
  }
});

it("a file of limits loads that has every key, or nothing; without one there are none", () => {
  expect(loadLimits(join(fixtures, "good/every-key.yaml")).limits.map((l) => l.limit.id)).toEqual(["reads", "all"]);
  for (const file of [join(fixtures, "good/empty.yaml"), "/nowhere/limits.yaml"]) expect(loadLimits(file).limits).toEqual([]);
});

it("the version is that of the meaning", () => {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  const version = (text: string) => {
    writeFileSync(join(dir, "limits.yaml"), text);
    return loadLimits(join(dir, "limits.yaml")).version;
  };
  const first = version("limits: [{ id: a, per: agent, concurrency: 1 }]");
  expect(version("# why\nlimits:\n  - per: agent\n    id: a\n    concurrency: 1\n")).toBe(first);
  expect(version("limits: [{ id: a, per: agent, concurrency: 2 }]")).not.toBe(first);
});

describe("a limit fits a call of build's to files/read_file in class triage when it matches", () => {
  const call: LimitFacts = { agent: "build", taskId: "tk-1", taskClass: "triage", server: "files", tool: "read_file", effect: "read" };
  const table: [string, object, boolean, Partial<LimitFacts>?][] = [
    ["nothing in particular", {}, true],
    ["its agent by a glob", { agents: ["b*"] }, true],
    ["another agent", { agents: ["release"] }, false],
    ["its class", { taskClasses: ["triage"] }, true],
    ["another class", { taskClasses: ["research"] }, false],
    ["its server", { servers: ["files", "mail"] }, true],
    ["another server", { servers: ["mail"] }, false],
    ["its tool", { tools: ["read_*"] }, true],
    ["another tool", { tools: ["write_*"] }, false],
    ["its effect", { effects: ["read"] }, true],
    ["another effect", { effects: ["write", "destructive"] }, false],
    ["everything of a message that calls no tool", {}, true, { tool: "", effect: "" }],
    ["an effect, of a message that has none", { effects: ["read"] }, false, { tool: "", effect: "" }],
  ];
  it.each(table)("%s", (_name, match, expected, over = {}) => {
    const limit = compileLimit(limitSchema.parse({ id: "x", per: "agent", concurrency: 1, match }));
    expect(limitFits(limit, { ...call, ...over })).toBe(expected);
  });
});

it("limits are read again beside the rules, and a bad file leaves the good ones in force", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "signalbox-"));
  const options = { registryDir: join(dataDir, "registry"), policyDir: join(dataDir, "policies"), keysFile: join(dataDir, "keys.yaml"), dataDir };
  for (const dir of [options.registryDir, options.policyDir]) mkdirSync(dir);
  writeFileSync(options.keysFile, "keys: []\n");
  const current = loadControlPlane(options);
  expect(current.limits.limits).toEqual([]);
  const planes: ControlPlane[] = [];
  const refused: string[] = [];
  const watch = watchControlPlane(options, { current, onChange: (next) => planes.push(next), onRefused: (part) => refused.push(part), debounceMs: 10 });
  writeFileSync(limitsFile(options.policyDir), "limits: [{ id: a, per: agent, concurrency: 1 }]\n");
  await vi.waitFor(() => expect(planes.at(-1)?.limits.limits).toHaveLength(1), { timeout: 5000 });
  writeFileSync(limitsFile(options.policyDir), "limits: [{ id: a }]\n");
  await vi.waitFor(() => expect(refused).toEqual(["limits"]), { timeout: 5000 });
  expect(planes).toHaveLength(1);
  await watch.stop();
});
