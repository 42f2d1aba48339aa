import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { FileProblem } from "../../../collector/kernel/errors.ts";
import type { Stoppable } from "../../../collector/kernel/lifecycle.ts";
import type { ControlPlane } from "../../../proxy/control-plane.ts";
import { appendKey, createKey } from "../../../proxy/identity/keys-file.ts";
import { loadControlPlane, type ControlPlanePart } from "../../../proxy/load-control-plane.ts";
import { ensureSampleKeys, samplePolicyDir, sampleRegistryDir } from "../../../proxy/sample/sample.ts";
import { watchControlPlane } from "../../../proxy/watch-control-plane.ts";
import { faultsOf } from "../registry/annotated.ts";
import { call } from "./rules.ts";

/** The sample configuration, copied to where it may be changed. */
async function scratchPlane() {
  const dataDir = mkdtempSync(join(tmpdir(), "signalbox-"));
  cpSync(sampleRegistryDir, join(dataDir, "registry"), { recursive: true });
  cpSync(samplePolicyDir, join(dataDir, "policies"), { recursive: true });
  const { keysFile } = await ensureSampleKeys(dataDir);
  return { dataDir, keysFile, registryDir: join(dataDir, "registry"), policyDir: join(dataDir, "policies") };
}

it("the faults of registry, policies and keys are reported together", async () => {
  const options = await scratchPlane();
  writeFileSync(join(options.registryDir, "bad.yaml"), "name: Bad\n");
  writeFileSync(join(options.policyDir, "bad.yaml"), "rules: [{ id: a }]\n");
  writeFileSync(options.keysFile, "keys: [{}]\n");
  const files = new Set(faultsOf(() => loadControlPlane(options)).map((f) => f.file));
  expect(files).toEqual(new Set([join(options.registryDir, "bad.yaml"), join(options.policyDir, "bad.yaml"), options.keysFile]));
});

describe("while the files are watched", () => {
  let watch: Stoppable | undefined;
  afterEach(() => watch?.stop());

  async function start() {
    const options = await scratchPlane();
    const changes: [ControlPlane, ControlPlanePart][] = [];
    const refused: [ControlPlanePart, readonly FileProblem[]][] = [];
    const current = loadControlPlane(options);
    watch = watchControlPlane(options, {
      current,
      onChange: (snapshot, part) => changes.push([snapshot, part]),
      onRefused: (part, problems) => refused.push([part, problems]),
      debounceMs: 20,
      pollMs: 100,
    });
    return { ...options, current, changes, refused };
  }
  const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 20 });
  const open = "rules: [{ id: all, effect: allow, match: { servers: [tickets] } }]\n";

  it("a new rule is in force soon, and the other parts stay the same objects", async () => {
    const { policyDir, current, changes } = await start();
    writeFileSync(join(policyDir, "more.yaml"), open);
    await eventually(() => expect(changes.length).toBe(1));
    const [snapshot, part] = changes[0]!;
    expect(part).toBe("policies");
    expect(snapshot.registry).toBe(current.registry);
    expect(snapshot.authenticator).toBe(current.authenticator);
    const input = call({ server: "tickets" });
    expect([current.policies.decide(input).decision, snapshot.policies.decide(input).decision]).toEqual(["deny", "allow"]);
  });

  it("a bad file is refused whole and once, and what was good stays until it is mended", async () => {
    const { policyDir, changes, refused } = await start();
    writeFileSync(join(policyDir, "more.yaml"), open.replace("allow", "alow"));
    await eventually(() => expect(refused.length).toBe(1));
    expect(refused[0]![1]).toMatchObject([{ file: join(policyDir, "more.yaml"), line: 1 }]);
    // Several looks pass: the same state is not reported again.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect([refused.length, changes.length]).toEqual([1, 0]);
    writeFileSync(join(policyDir, "more.yaml"), open);
    await eventually(() => expect(changes.length).toBe(1));
  });

  it("a bad registry does not hold a good policy back", async () => {
    const { registryDir, policyDir, changes, refused } = await start();
    writeFileSync(join(registryDir, "bad.yaml"), "name: Bad\n");
    writeFileSync(join(policyDir, "more.yaml"), open);
    await eventually(() => expect([changes.length, refused.length]).toEqual([1, 1]));
    expect([changes[0]![1], refused[0]![0]]).toEqual(["policies", "registry"]);
  });

  it("a server that is removed, and a file that is replaced by another, are seen", async () => {
    const { registryDir, changes } = await start();
    rmSync(join(registryDir, "memory.yaml"));
    await eventually(() => expect(changes.at(-1)?.[0].registry.servers.has("memory")).toBe(false));
    writeFileSync(join(registryDir, "draft"), 'name: everything\nversion: "9"\nendpoint: { transport: stdio, command: x }\n');
    renameSync(join(registryDir, "draft"), join(registryDir, "everything.yaml"));
    await eventually(() => expect(changes.at(-1)?.[0].registry.servers.get("everything")?.version).toBe("9"));
  });

  it("a new key is accepted soon", async () => {
    const { keysFile, changes } = await start();
    const { key, entry } = createKey({ agent: "build", principal: "ci", nowMs: 0 });
    await appendKey(keysFile, entry);
    await eventually(() => expect(changes.at(-1)?.[1]).toBe("authenticator"));
    expect(changes.at(-1)![0].authenticator.authenticate(undefined, key, 1).ok).toBe(true);
  });

  it("a change of comments alone changes nothing", async () => {
    const { policyDir, keysFile, changes, refused } = await start();
    for (const file of [join(policyDir, "sample.yaml"), keysFile]) writeFileSync(file, "# a word\n", { flag: "a" });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect([changes, refused]).toEqual([[], []]);
  });

  it("nothing is told after the watch has stopped, which may be done twice", async () => {
    const { policyDir, changes } = await start();
    await watch!.stop();
    await watch!.stop();
    writeFileSync(join(policyDir, "more.yaml"), open);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(changes).toEqual([]);
  });
});
