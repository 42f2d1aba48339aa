import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { annotatedFiles, asAnnotated, directoryOf, faultsOf } from "./annotated.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/registry");

describe("a registry file is refused, with its place, for", () => {
  for (const { name, file, expected } of annotatedFiles(join(fixtures, "bad"), "refused")) {
    it(name, () => {
      const faults = faultsOf(() => loadRegistry(directoryOf(file)));
      expect(expected.length).toBeGreaterThan(0);
      expect(asAnnotated(faults, expected)).toEqual(expected);
    });
  }
});

describe("a registry file loads that is", () => {
  for (const { name, file } of annotatedFiles(join(fixtures, "good"), "refused")) {
    it(name, () => {
      const { servers } = loadRegistry(directoryOf(file));
      expect([...servers.keys()]).toEqual([name.replaceAll(" ", "-")]);
    });
  }
});

describe("the registry", () => {
  const good = (name: string) => join(fixtures, "good", `${name}.yaml`);

  it("refuses a name that a second file uses, and says where the first is", () => {
    const [fault] = faultsOf(() => loadRegistry(join(fixtures, "duplicate-names")));
    expect(fault).toMatchObject({ file: join(fixtures, "duplicate-names/b.yaml"), line: 1, column: 7 });
    expect(fault!.message).toContain("a.yaml");
  });

  it("reports the faults of all files at once and loads none of them", () => {
    const bad = (name: string) => join(fixtures, "bad", `${name}.yaml`);
    const faults = faultsOf(() => loadRegistry(directoryOf(good("minimal"), bad("not-yaml"), bad("unknown-risk-tier"))));
    expect(new Set(faults.map((f) => f.file)).size).toBe(2);
  });

  it("says so when its directory is not there", () => {
    const [fault] = faultsOf(() => loadRegistry("/nowhere/registry"));
    expect(fault).toMatchObject({ file: "/nowhere/registry", message: "cannot be read: ENOENT" });
  });

  it("keeps its revision when only comments and the order of files change, and has another when a server does", () => {
    const directory = directoryOf(good("minimal"), good("production"));
    const before = loadRegistry(directory).revision;

    const same = directoryOf(good("production"));
    writeFileSync(join(same, "z.yaml"), '# a comment\nendpoint:\n  url: "https://mcp.example.com/mcp"\n  transport: streamable-http\nname: minimal\n');
    expect(loadRegistry(same).revision).toBe(before);
    writeFileSync(join(same, "z.yaml"), 'name: minimal\nversion: "2"\nendpoint: { transport: streamable-http, url: "https://mcp.example.com/mcp" }\n');
    expect(loadRegistry(same).revision).not.toBe(before);
  });
});
