import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { pending, readMigrations } from "../../../collector/store/migrate.ts";

const file = (version: number, checksum = `sum${version}`) => ({ version, name: `000${version}_x.sql`, text: "", checksum });

describe("which migrations are to run", () => {
  const cases: [what: string, files: number[], applied: number[], todo: number[]][] = [
    ["all on an empty database", [1, 2, 3], [], [1, 2, 3]],
    ["the new ones", [1, 2, 3], [1], [2, 3]],
    ["none the second time", [1, 2], [1, 2], []],
    ["in order of their numbers", [3, 1, 2], [], [1, 2, 3]],
  ];
  it.each(cases)("%s", (_what, files, applied, todo) => {
    expect(pending(files.map((n) => file(n)), applied.map((n) => file(n))).map((one) => one.version)).toEqual(todo);
  });

  it("is refused where the folder and the database disagree", () => {
    expect(() => pending([file(1, "new")], [file(1, "old")])).toThrow(expect.objectContaining({ code: "E_MIGRATION_CHANGED" }));
    expect(() => pending([file(1)], [file(1), file(2)])).toThrow(expect.objectContaining({ code: "E_MIGRATION_AHEAD" }));
    expect(() => pending([file(1), file(2), file(3)], [file(1), file(3)])).toThrow(expect.objectContaining({ code: "E_MIGRATION_ORDER" }));
  });
});

describe("a folder of migrations", () => {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-migrations-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it("is read in order, with checksums that do not depend on line ends", async () => {
    writeFileSync(join(dir, "0002_b.sql"), "SELECT 1;\r\n");
    writeFileSync(join(dir, "0001_a.sql"), "SELECT 1;\n");
    writeFileSync(join(dir, "README.md"), "");
    const [a, b] = await readMigrations(pathToFileURL(dir));
    expect([a?.name, b?.version]).toEqual(["0001_a.sql", 2]);
    expect(a?.checksum).toBe(b?.checksum);
  });

  it("is refused for a name that is none, and for a number that is used twice", async () => {
    writeFileSync(join(dir, "0002_c.sql"), "");
    await expect(readMigrations(pathToFileURL(dir))).rejects.toMatchObject({ code: "E_MIGRATION_NAME", message: /number 2/ });
    writeFileSync(join(dir, "3-d.sql"), "");
    await expect(readMigrations(pathToFileURL(dir))).rejects.toMatchObject({ code: "E_MIGRATION_NAME", message: /3-d\.sql/ });
  });
});
