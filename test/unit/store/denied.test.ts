import { describe, expect, it } from "vitest";
import { denial, denialInIdentifiers, denialInValues, isSuspicious } from "../../../collector/engine/denied.ts";
import { admit } from "../../../collector/engine/guard.ts";

/** Formatted as ClickHouse's formatter does; that statements get there is shown by the contract tests. */
describe("the guard over a statement's text", () => {
  const refused = [
    "SELECT file('/etc/passwd')",
    "SELECT * APPLY file",
    "SELECT arrayMap(file, x)",
    "SELECT arrayMap(x -> file(x), y)",
    "SELECT 1 INTO OUTFILE '/x'",
    "INSERT INTO t FROM INFILE '/x' FORMAT CSV",
    "INSERT INTO FUNCTION s3('x') FORMAT CSV",
    "CREATE TABLE t (`a` String) ENGINE = File(CSV)",
    "CREATE TABLE t (`a` String) ENGINE = MergeTree SETTINGS disk = disk(type = web)",
    "CREATE OR REPLACE DICTIONARY d (`a` Int8) PRIMARY KEY a",
    "SELECT 1 SETTINGS dialect = 'kusto'",
    "SELECT * FROM sqlite('/x', 'y')",
    "SELECT * FROM eval('SELECT 1')",
    "SET param_f = 'file'",
    "ATTACH TABLE t FROM '/x' (`a` Int8) ENGINE = MergeTree",
  ];
  it.each(refused)("refuses %s", (sql) => {
    expect(isSuspicious(sql) || !sql.startsWith("SELECT") || sql.includes("OUTFILE") || sql.includes("SETTINGS")).toBe(true);
    expect(denial(sql, false)).toEqual(expect.any(String));
  });

  const allowed = [
    "SELECT t.file, 'file(x) INTO OUTFILE', url, remote FROM t",
    "CREATE TABLE t (`a` String) ENGINE = ReplacingMergeTree ORDER BY a",
    "CREATE MATERIALIZED VIEW v TO t AS SELECT 1",
    "CREATE DATABASE d ENGINE = Atomic",
    "SELECT files, profile_file FROM t WHERE dialect_ = 1",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS b String",
  ];
  it.each(allowed)("lets %s pass", (sql) => expect(denial(sql, false)).toBeUndefined());

  it("lets only known kinds of control statements pass", () => {
    expect(denial("SET max_threads = 1", true)).toBeUndefined();
    expect(denial("BACKUP TABLE t TO File('x')", true)).toMatch(/BACKUP/);
    expect(denial("EXECUTE AS x SELECT 1", true)).toMatch(/EXECUTE/);
  });

  it("looks into VALUES, whose expressions the engine evaluates", () => {
    for (const values of ["(file('x'))", "(`fi\\x6ce`('x'))", '("file" /* */ (1))', "(arrayMap({f:Identifier}, [1]))", "(\u2018file\u2019)"]) {
      expect([values, denialInValues(values)]).toEqual([values, expect.any(String)]);
    }
    for (const values of ["('file(x)')", "(now(), {p:String})", "('a \"b\" (c)')", "('it''s \\' file')"]) {
      expect([values, denialInValues(values)]).toEqual([values, undefined]);
    }
  });

  it("does not let a parameter become the name of a function", () => {
    const sql = "SELECT arrayMap({f : Identifier}, x), {s:String}";
    expect(denialInIdentifiers(sql, new Map([["f", "file"]]))).toMatch(/file/);
    expect(denialInIdentifiers(sql, new Map([["f", "fi\\x6ce"]]))).toBeDefined();
    expect(denialInIdentifiers(sql, new Map())).toBeDefined();
    expect(denialInIdentifiers(sql, new Map([["f", "lower"], ["s", "file"]]))).toBeUndefined();
  });

  const cases: [statements: number, kind: number, denied: string | undefined, full: string, readonly: string][] = [
    [1, 0, undefined, "runs", "runs"],
    [1, 1, undefined, "runs", "164"],
    [1, 2, undefined, "497", "497"],
    [1, 3, undefined, "runs", "164"],
    [1, 4, undefined, "497", "497"],
    [1, 0, "why", "497", "497"],
    [2, 0, undefined, "62", "62"],
  ];
  it.each(cases)("%i statement(s) of class %i, denied %j: full user %s, read-only user %s", (statementCount, queryClass, denied, full, readonly) => {
    const outcome = (access: "full" | "readonly"): string => {
      try {
        admit({ statementCount, queryClass, denied }, access);
        return "runs";
      } catch (error) {
        return String((error as { code: number }).code);
      }
    };
    expect([outcome("full"), outcome("readonly")]).toEqual([full, readonly]);
  });
});
