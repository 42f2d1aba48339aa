import { describe, expect, it } from "vitest";
import { literal, parseStatement, startsAsInsert } from "../../../collector/engine/statement.ts";

describe("a statement's shape", () => {
  const selects: [text: string, format: string, into: string][] = [
    ["SELECT 1", "TSV", "SELECT 1 INTO OUTFILE '/p' APPEND FORMAT TSV"],
    ["SELECT 1;\n-- bye", "TSV", "SELECT 1 INTO OUTFILE '/p' APPEND FORMAT TSV"],
    ["select 1 format JSON", "JSON", "select 1  INTO OUTFILE '/p' APPEND format JSON"],
    ["select 1 format JSON settings a=1", "JSON", "select 1  INTO OUTFILE '/p' APPEND format JSON settings a=1"],
    ["select 1 settings a=1 format CSV", "CSV", "select 1 settings a=1  INTO OUTFILE '/p' APPEND format CSV"],
    ["select format from t", "TSV", "select format from t INTO OUTFILE '/p' APPEND FORMAT TSV"],
    ["select 1 as format", "TSV", "select 1 as format INTO OUTFILE '/p' APPEND FORMAT TSV"],
    ["select ' format CSV'", "TSV", "select ' format CSV' INTO OUTFILE '/p' APPEND FORMAT TSV"],
    ["select (select 1 format) -- format CSV", "TSV", "select (select 1 format) INTO OUTFILE '/p' APPEND FORMAT TSV"],
    ["/* x */ (select 1)", "TSV", "/* x */ (select 1) INTO OUTFILE '/p' APPEND FORMAT TSV"],
  ];
  it.each(selects)("of %j has its result's place and format found", (text, format, into) => {
    const statement = parseStatement(text, "TSV");
    if (statement.kind !== "select") throw new Error(statement.kind);
    expect([statement.format, statement.intoFile("/p")]).toEqual([format, into]);
  });

  const inserts: [text: string, format: string, data: string, from: string][] = [
    ["INSERT INTO t FORMAT CSV\n1,2\n\n3", "CSV", "1,2\n\n3", "INSERT INTO t FROM INFILE '/p' FORMAT CSV"],
    ["insert into t (a, b) format JSONEachRow {}", "JSONEachRow", "{}", "insert into t (a, b) FROM INFILE '/p' FORMAT JSONEachRow"],
    ["INSERT INTO t SETTINGS x=1 FORMAT Native\r\n\n\n", "Native", "\n\n", "INSERT INTO t FROM INFILE '/p' SETTINGS x=1 FORMAT Native"],
    ["INSERT INTO t VALUES (1),(2)", "Values", "(1),(2)", "INSERT INTO t FROM INFILE '/p' FORMAT Values"],
    ["INSERT INTO `values` (`format`) VALUES(1)", "Values", "(1)", "INSERT INTO `values` (`format`) FROM INFILE '/p' FORMAT Values"],
    ["INSERT INTO t FORMAT CSV", "CSV", "", "INSERT INTO t FROM INFILE '/p' FORMAT CSV"],
    ["-- c\nINSERT INTO db.t FORMAT TSV \t'", "TSV", "'", "-- c\nINSERT INTO db.t FROM INFILE '/p' FORMAT TSV"],
  ];
  it.each(inserts)("of %j has its data found, which is not read as SQL", (text, format, data, from) => {
    const statement = parseStatement(text, "TSV");
    if (statement.kind !== "insert") throw new Error(statement.kind);
    expect([statement.format, text.slice(statement.dataStart), statement.fromFile("/p")]).toEqual([format, data, from]);
  });

  it.each(["INSERT INTO t SELECT 1", "INSERT INTO t FROM INFILE '/x' FORMAT CSV", "SHOW TABLES", "CREATE TABLE x (a Int8)"])(
    "of %j is left as it is",
    (text) => expect(parseStatement(text, "TSV")).toMatchObject({ kind: "other", head: text }),
  );

  it("is refused for a text without a statement", () => {
    for (const text of ["", " ;; ", "-- only a comment"]) expect(() => parseStatement(text, "TSV")).toThrow(/Empty query/);
    expect(startsAsInsert("/* a */ insert")).toBe(true);
  });

  it("quotes any text as one literal", () => {
    expect(literal("a'b\\c\nd")).toBe("'a\\'b\\\\c\\nd'");
  });
});
