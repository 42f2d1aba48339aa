import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileMemory } from "../../../proxy/registry/file-memory.ts";
import { loadRegistry, prepareRegistry } from "../../../proxy/registry/load-registry.ts";
import { faultsOf } from "./annotated.ts";

function registryOf(count: number): { dir: string; write(i: number, version: string): void } {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-"));
  const tools = Array.from({ length: 12 }, (_, t) => `  tool_${t}: { effect: read, trusted: true }\n`).join("");
  const write = (i: number, version: string): void =>
    writeFileSync(join(dir, `s${i}.yaml`), `name: s${i}\nversion: "${version}"\nlifecycle: approved\nendpoint: { transport: stdio, command: x }\ntools:\n${tools}`);
  for (let i = 0; i < count; i++) write(i, "1");
  return { dir, write };
}

describe("a registry that is loaded again", () => {
  it("keeps the entries of files that did not change, as the same objects, and reads the one that did", () => {
    const { dir, write } = registryOf(20);
    const before = loadRegistry(dir);
    write(7, "2");
    const after = loadRegistry(dir);
    const changed = [...after.servers].filter(([name, entry]) => before.servers.get(name) !== entry).map(([name]) => name);
    expect(changed).toEqual(["s7"]);
    expect(after.servers.get("s7")!.version).toBe("2");
    expect(after.revision).not.toBe(before.revision);
  });

  it("forgets a file that is gone", () => {
    const { dir } = registryOf(3);
    loadRegistry(dir);
    rmSync(join(dir, "s1.yaml"));
    expect([...loadRegistry(dir).servers.keys()]).toEqual(["s0", "s2"]);
  });

  it("says what is wrong with a file each time, not only when it is new", () => {
    const { dir } = registryOf(2);
    writeFileSync(join(dir, "bad.yaml"), "name: bad\n");
    const first = faultsOf(() => loadRegistry(dir));
    expect(first).toHaveLength(1);
    expect(faultsOf(() => loadRegistry(dir))).toEqual(first);
  });

  it("is the same whether files are remembered or not", () => {
    const { dir } = registryOf(30);
    const small = createFileMemory(4);
    const once = loadRegistry(dir, { memory: small });
    expect(loadRegistry(dir, { memory: small })).toEqual(once);
    expect(loadRegistry(dir)).toEqual(once);
  });
});

it("preparing parses what changed between turns of the event loop, and leaves nothing to parse", async () => {
  const { dir } = registryOf(120);
  const memory = createFileMemory();
  let turns = 0;
  let preparing = true;
  const turn = (): void => {
    turns++;
    if (preparing) setImmediate(turn);
  };
  setImmediate(turn);
  await prepareRegistry(dir, memory);
  preparing = false;
  expect(turns).toBeGreaterThan(2);
  expect(memory.isStale(join(dir, "s5.yaml"))).toBe(false);
  expect(loadRegistry(dir, { memory }).servers.size).toBe(120);
});
