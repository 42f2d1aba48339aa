import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createReloaders } from "../../../proxy/load-control-plane.ts";
import { finishInSlices } from "../../../proxy/policy/steps.ts";
import { createYamlCache } from "../../../proxy/policy/yaml-cache.ts";
import { loadPolicies } from "../../../proxy/policy/load-policies.ts";
import { parseYaml } from "../../../proxy/registry/yaml-file.ts";
import { writePolicies } from "../../bench/policy-files.ts";
import { reloadUnderCalls } from "../../bench/policy-reload.ts";
import { faultsOf } from "../registry/annotated.ts";

const scratch = () => mkdtempSync(join(tmpdir(), "signalbox-"));

it("many rules and servers are replaced soon while calls are under way, and none of them fails", async () => {
  const { tookMs, calls, fault, worstCallMs } = await reloadUnderCalls({ rules: 1000, servers: 500, files: 20 }, "all");
  expect(fault).toBeUndefined();
  expect(calls).toBeGreaterThan(200);
  // The goal is a second and is measured by test/bench/policy.ts; here other tests share the machine.
  expect(tookMs).toBeLessThan(10_000);
  expect(worstCallMs).toBeLessThan(2000);
});

it("long work is done in slices, between which other work gets its turn", async () => {
  let now = 0;
  let turns = 0;
  let working = true;
  const other = (): void => {
    turns++;
    if (working) setImmediate(other);
  };
  setImmediate(other);
  const steps = function* () {
    for (let i = 0; i < 100; i++) {
      now += 1;
      yield;
    }
    return "done";
  };
  expect(await finishInSlices(steps(), () => now)).toBe("done");
  working = false;
  expect(turns).toBeGreaterThanOrEqual(12);
});

it("what was parsed before is not parsed again, and what changed is", async () => {
  const directory = scratch();
  for (const name of ["a", "b"]) writeFileSync(join(directory, `${name}.yaml`), `rules: [{ id: ${name}, effect: allow }]\n`);
  const cache = createYamlCache();
  const values = async () => {
    const read = await cache.warm(directory);
    return ["a", "b"].map((name) => read(join(directory, `${name}.yaml`), [])?.value);
  };
  const first = await values();
  writeFileSync(join(directory, "b.yaml"), "rules: [{ id: c, effect: deny }]\n");
  const second = await values();
  expect(second[0]).toBe(first[0]);
  expect(second[1]).toEqual({ rules: [{ id: "c", effect: "deny" }] });
});

it("a fault in a file that was parsed before still has its place", async () => {
  const policyDir = scratch();
  const file = join(policyDir, "a.yaml");
  writeFileSync(file, "# first\nrules:\n  - { id: one, effect: allow }\n");
  const { policies } = createReloaders({ policyDir, registryDir: "", keysFile: "", dataDir: "/data" });
  await policies();
  writeFileSync(join(policyDir, "b.yaml"), "rules:\n  - { id: one, effect: deny, when: agent == 1 }\n");
  const refused = await policies().then(
    () => [],
    (error: unknown) => faultsOf(() => { throw error; }),
  );
  expect(refused).toEqual(faultsOf(() => loadPolicies(policyDir, { dataDir: "/data" })));
  expect(refused).toMatchObject([{ line: 2, column: 11 }, { line: 2, column: 36 }]);
  rmSync(join(policyDir, "b.yaml"));
  appendFileSync(file, "  - { id: two, effect: hold }\n");
  expect((await policies()).version).toBe(loadPolicies(policyDir, { dataDir: "/data" }).set.version);
});

it("a set that was loaded in slices, from what is remembered, is the one that is loaded at once", async () => {
  const policyDir = scratch();
  writePolicies(policyDir, { rules: 60, servers: 7, files: 4 });
  const { policies } = createReloaders({ policyDir, registryDir: "", keysFile: "", dataDir: "/data" });
  await policies();
  writePolicies(policyDir, { rules: 61, servers: 7, files: 4 });
  expect((await policies()).version).toBe(loadPolicies(policyDir, { dataDir: "/data" }).set.version);
});

it("a file that holds a second document is refused where that begins", () => {
  const problems: Parameters<typeof parseYaml>[2] = [];
  expect(parseYaml("x.yaml", "rules: []\n---\nrules: []\n", problems)).toBeUndefined();
  expect(problems).toMatchObject([{ file: "x.yaml", line: 2, column: 1 }]);
});
