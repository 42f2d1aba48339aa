import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runPolicyTests } from "../../../proxy/policy/policy-test.ts";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { faultsOf } from "../registry/annotated.ts";
import { policySet } from "./rules.ts";

const registry = loadRegistry(join(import.meta.dirname, "../../fixtures/policies/registry"));
const policies = policySet({ id: "read", effect: "allow", match: { effects: ["read"] }, when: 'args.path.startsWith(dataDir)' });

function run(cases: object[], rules = policies) {
  const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
  writeFileSync(join(directory, "cases.yaml"), JSON.stringify({ cases }));
  return runPolicyTests(directory, { policies: rules, registry, environment: "development", dataDir: "/data" }, 0);
}

const input = { agent: "build", taskClass: "research", server: "files", tool: "read_file", args: { path: "${dataDir}/x" } };

it("a case passes when everything that it expects came out", () => {
  const [result] = run([{ name: "reads", input, expect: { decision: "allow", basis: "explicit", reason: "rule", rules: ["read"] } }]);
  expect(result!.differences).toEqual([]);
});

it("a case that fails says each thing that came out otherwise", () => {
  const [result] = run([{ name: "reads", input, expect: { decision: "deny", basis: "default", rules: [] } }]);
  expect(result!.differences).toEqual([
    "decision: expected deny, got allow",
    "basis: expected default, got explicit",
    "rules: expected none, got read",
  ]);
});

it("a case is judged by the registry first, as a call is", () => {
  const [draft, unknown] = run([
    { name: "draft", input: { ...input, server: "draft", tool: "look" }, expect: { decision: "deny", reason: "server_not_approved" } },
    { name: "unknown", input: { ...input, server: "nowhere" }, expect: { decision: "deny" } },
  ]);
  expect(draft!.differences).toEqual([]);
  expect(unknown!.differences).toEqual(['no server "nowhere" is in the registry']);
});

it("a case may say what its task has done before, and where its arguments came from", () => {
  const careful = policySet(
    { id: "read", effect: "allow" },
    { id: "tainted", effect: "hold", when: 'task.tainted && "files" in task.readDomains && task.owner == "ana"' },
    { id: "injected", effect: "deny", when: "flow.untrusted && flow.score >= 0.5" },
    { id: "many", effect: "deny", when: 'task.calls > 10 && task.writes == 3 && task.id == "t-9" && task.class == "research"' },
  );
  const cases: [object, string][] = [
    [{}, "allow"],
    [{ task: { tainted: true, readDomains: ["files"], owner: "ana" } }, "hold"],
    [{ flow: { untrusted: true, score: 0.5 } }, "deny"],
    [{ flow: { untrusted: true, score: 0.4 } }, "allow"],
    [{ task: { id: "t-9", class: "research", calls: 11, writes: 3 }, taskClass: "" }, "deny"],
  ];
  const written = cases.map(([over, decision], i) => ({ name: `case ${i}`, input: { ...input, ...over }, expect: { decision } }));
  expect(run(written, careful).flatMap((r) => r.differences)).toEqual([]);
});

it("cases that cannot be read are faults with a place", () => {
  const faults = faultsOf(() => run([{ name: "x", input, expect: { decision: "maybe" } }]));
  expect(faults).toMatchObject([{ line: 1, message: "cases.0.expect.decision: not one of the known values" }]);
});
