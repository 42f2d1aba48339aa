import { describe, expect, it } from "vitest";
import { guardSql } from "../../../dashboards/sql/guard.ts";
import { loadSamples } from "../../../dashboards/sql/samples.ts";
import { readError } from "../../../dashboards/sql/run.ts";

describe("the SQL guard lets through", () => {
  it.each([
    "SELECT 1",
    "  -- a comment\n select count() from calls;",
    "WITH x AS (SELECT 1) SELECT * FROM x",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SHOW TABLES",
    "DESCRIBE TABLE calls",
    "EXPLAIN SELECT 1",
    "SELECT 'DROP TABLE calls; -- not a statement'",
    "SELECT '{x:String}', {agent:String}",
    "SELECT count() AS format FROM calls",
    "SELECT c.format, settings FROM (SELECT 1 AS format, 2 AS settings) AS c",
    "SELECT `file` FROM (SELECT 1 AS file)",
    "SELECT 'it''s', 'a\\'b'; ;",
  ])("%s", (sql) => expect(guardSql(sql)).toMatchObject({ ok: true }));

  it("every sample query", () => {
    expect(loadSamples().length).toBeGreaterThan(4);
    for (const s of loadSamples()) expect(guardSql(s.sql), s.id).toMatchObject({ ok: true });
  });
});

describe("the SQL guard refuses", () => {
  it.each([
    ["", /no statement/],
    ["-- nothing", /no statement/],
    ["DROP TABLE calls", /only statements that read/],
    ["INSERT INTO calls SELECT * FROM calls", /only statements that read/],
    ["/* SELECT */ ALTER TABLE calls DELETE WHERE 1", /only statements that read/],
    ["SET readonly = 0", /only statements that read/],
    ["KILL QUERY WHERE 1", /only statements that read/],
    ["SELECT 1; DROP TABLE calls", /one statement/],
    ["SELECT 1 INTO OUTFILE '/tmp/x'", /file of the server/],
    ["SELECT 1 FORMAT JSON", /FORMAT/],
    ["SELECT 1 SETTINGS max_execution_time = 0", /SETTINGS/],
    ["SELECT * FROM file('/etc/passwd')", /file\(\)/],
    ["SELECT * FROM URL ('http://127.0.0.1/')", /URL\(\)/],
    ["SELECT * FROM s3('x')", /s3\(\)/],
    ["SELECT sleep(3)", /sleep\(\)/],
    ["SELECT 'open", /not closed/],
    ["SELECT 1 /* open", /not closed/],
    [`SELECT '${"x".repeat(100_001)}'`, /longer/],
  ])("%s", (sql, why) => {
    const result = guardSql(sql);
    expect(result.ok).toBe(false);
    expect(!result.ok && result.why).toMatch(why);
  });
});

it("an error loses the version, and keeps the position", () => {
  expect(readError(new Error("Syntax error: failed at position 8 (FORM) (version 26.7.2.1)"), false)).toEqual({ message: "Syntax error: failed at position 8 (FORM)", position: 7 });
  expect(readError(new Error("aborted"), true)).toEqual({ message: "cancelled", position: null });
});
