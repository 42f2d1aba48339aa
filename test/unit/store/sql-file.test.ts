import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { bindParams, loadSql, parseSql, splitStatements } from "../../../collector/store/sql-file.ts";

const dir = mkdtempSync(join(tmpdir(), "signalbox-sql-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("a query file", () => {
  const TEXT = `-- question: How many calls were denied?
-- params: since, servers
-- out: n
SELECT count() AS n -- {not:String}
FROM {table:Identifier}
WHERE ts >= {since:DateTime64(3)} AND server IN {servers:Array(LowCardinality(String))} AND note != '{nor:this}' AND ts < {since:DateTime64(3)};
`;

  it("tells its question, its parameters with their types, and its text without header and semicolon", () => {
    const file = parseSql("x.sql", TEXT);
    expect(file.question).toBe("How many calls were denied?");
    expect([...file.parameters]).toEqual([
      ["table", "Identifier"],
      ["since", "DateTime64(3)"],
      ["servers", "Array(LowCardinality(String))"],
    ]);
    expect(file.text).toMatch(/^SELECT count\(\)[^]*\{since:DateTime64\(3\)\}$/);
  });

  it("is read once", () => {
    const path = join(dir, "once.sql");
    writeFileSync(path, "SELECT 1");
    const first = loadSql(pathToFileURL(path));
    writeFileSync(path, "SELECT 2");
    expect(loadSql(pathToFileURL(path))).toBe(first);
    expect(() => loadSql(pathToFileURL(join(dir, "none.sql")))).toThrow(expect.objectContaining({ code: "E_SQL_FILE" }));
  });

  it("takes exactly the values that it names", () => {
    const file = parseSql("x.sql", "SELECT {a:UInt8}, {b:Nullable(String)}");
    expect(bindParams(file, { a: 1, b: null })).toEqual({ a: 1, b: null });
    expect(() => bindParams(file, { a: 1, c: 2 })).toThrow(
      expect.objectContaining({ code: "E_SQL_PARAM", message: "x.sql: missing b; unknown c (its parameters: a:UInt8, b:Nullable(String))" }),
    );
  });

  it("holds one statement, and one type for each parameter", () => {
    expect(() => parseSql("x.sql", "SELECT 1; SELECT 2")).toThrow(expect.objectContaining({ code: "E_SQL_FILE" }));
    expect(() => parseSql("x.sql", "-- nothing")).toThrow(expect.objectContaining({ code: "E_SQL_FILE" }));
    expect(() => parseSql("x.sql", "SELECT {a:UInt8}, {a:String}")).toThrow(/as UInt8 and as String/);
  });
});

describe("a migration's statements", () => {
  it("leave a view's parameters to whoever reads the view, and have their own otherwise", () => {
    const select = "SELECT {a:UInt8} FROM t WHERE b = {b:String}";
    for (const create of ["CREATE VIEW", "create or replace view"]) expect(parseSql("x.sql", `${create} v AS ${select}`).parameters.size).toBe(0);
    expect([...parseSql("x.sql", `INSERT INTO v ${select}`).parameters.keys()]).toEqual(["a", "b"]);
  });

  it("are cut at semicolons that end statements, and at no others", () => {
    const text = `-- 1; not here
CREATE TABLE t (a String DEFAULT 'x;y', b String COMMENT 'it''s; \\';');
/* nor; here */
INSERT INTO t VALUES ('a;
b');;
SELECT "a;b", \`c;d\`, $$e;f$$ -- ;
`;
    expect(splitStatements(text)).toEqual([
      "CREATE TABLE t (a String DEFAULT 'x;y', b String COMMENT 'it''s; \\';')",
      "INSERT INTO t VALUES ('a;\nb')",
      "SELECT \"a;b\", `c;d`, $$e;f$$",
    ]);
  });
});
