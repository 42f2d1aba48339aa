import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkPolicies } from "../../../proxy/policy/check.ts";
import { loadPolicies } from "../../../proxy/policy/load-policies.ts";
import { runPolicyTests } from "../../../proxy/policy/policy-test.ts";
import { loadDefinitions } from "../../../proxy/registry/pins/index.ts";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { samplePolicyDir, sampleRegistryDir, sampleAgents } from "../../../proxy/sample/sample.ts";
import { annotatedFiles, asAnnotated, directoryOf, faultsOf } from "../registry/annotated.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/policies");
const load = (...files: string[]) => loadPolicies(directoryOf(...files), { dataDir: "/data" });

describe("a policy file is refused, with its place, for", () => {
  for (const { name, file, expected } of annotatedFiles(join(fixtures, "bad"), "refused")) {
    it(name, () => {
      const faults = faultsOf(() => load(file));
      expect(expected.length).toBeGreaterThan(0);
      expect(asAnnotated(faults, expected)).toEqual(expected);
    });
  }
});

describe("a policy file loads, and is found right, that has", () => {
  const registry = loadRegistry(join(fixtures, "registry"));
  for (const { name, file } of annotatedFiles(join(fixtures, "good"), "refused")) {
    it(name, () => expect(checkPolicies(load(file), registry)).toEqual([]));
  }
});

describe("the check of rules finds", () => {
  const registry = loadRegistry(join(fixtures, "registry"));
  const agents = new Set(["build", "release"]);
  const definitions = (server: string) => loadDefinitions(join(fixtures, "registry"), server);
  for (const { name, file, expected } of annotatedFiles(join(fixtures, "findings"), "finds")) {
    it(name, () => expect(asAnnotated(checkPolicies(load(file), registry, { agents, definitions }), expected)).toEqual(expected));
  }
});

it("rules of several files are one set, in the order of the files' names", () => {
  const good = (name: string) => join(fixtures, "good", `${name}.yaml`);
  const { rules } = load(good("every-variable"), good("every-key"));
  expect(rules.map((r) => r.compiled.rule.id)).toEqual(["every-key", "every-variable"]);
});

describe("the sample configuration", () => {
  const dataDir = "/data";
  const policies = loadPolicies(samplePolicyDir, { dataDir });
  const registry = loadRegistry(sampleRegistryDir);

  it("has no faults, with the agents that get keys", () => {
    expect(checkPolicies(policies, registry, { agents: new Set(sampleAgents.map((a) => a.agent)) })).toEqual([]);
  });

  it("decides every one of its own cases as they say", () => {
    const snapshot = { policies: policies.set, registry, environment: "development", dataDir };
    const results = runPolicyTests(join(samplePolicyDir, "tests"), snapshot, 0);
    expect(results.length).toBeGreaterThan(10);
    expect(results.filter((r) => r.differences.length > 0)).toEqual([]);
  });
});
