import { describe, expect, it } from "vitest";
import { isInside } from "../../../proxy/policy/inside.ts";
import { compilePatterns, covers, fits } from "../../../proxy/policy/pattern.ts";

describe("a glob", () => {
  const table: [string, string, boolean][] = [
    ["a*", "a", true],
    ["a*", "abc", true],
    ["a*", "ba", false],
    ["*a", "ba", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "aXbYc", true],
    ["a*b*c", "acb", false],
    ["a*bc*c", "abc", false],
    ["*a*", "xay", true],
    ["**", "anything", true],
    ["a.c*", "abc", false],
    ["notifications/*", "notifications/a/b", true],
  ];
  it.each(table)("%s and %s: %s", (glob, value, expected) => expect(fits(compilePatterns([glob])!, value)).toBe(expected));

  it("takes time that grows with the length of what it is held against, not faster", () => {
    const started = performance.now();
    expect(fits(compilePatterns(["*a*a*a*a*a*a*a*a*b"])!, "a".repeat(100_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("patterns cover", () => {
  const table: [string[], string[], boolean][] = [
    [[], ["a"], true],
    [["*"], [], true],
    [["a"], [], false],
    [["a", "b"], ["a"], true],
    [["a"], ["a", "b"], false],
    [["a*"], ["ab", "a"], true],
    [["a*"], ["ab*"], true],
    [["ab*"], ["a*"], false],
    [["a*c"], ["a*bc"], true],
    [["a*c"], ["a*b"], false],
  ];
  it.each(table)("%j over %j: %s", (outer, inner, expected) => expect(covers(compilePatterns(outer), compilePatterns(inner))).toBe(expected));
});

describe("a path is inside a directory", () => {
  const table: [string, boolean][] = [
    ["/data/sandbox", true],
    ["/data/sandbox/", true],
    ["/data/sandbox/a/b.txt", true],
    ["/data/sandbox/../sandbox/a", true],
    ["/data/sandbox/..hidden", true],
    ["notes.txt", true],
    ["./a/../b", true],
    ["..", false],
    ["../keys.yaml", false],
    ["a/../../keys.yaml", false],
    ["/data/sandbox/../keys.yaml", false],
    ["/data/sandbox-other/a", false],
    ["/data", false],
    ["/", false],
    ["~/a", false],
    ["~", false],
    ["/data/sandbox/a\0/../../b", false],
  ];
  it.each(table)("%j: %s", (path, expected) => expect(isInside(path, "/data/sandbox/")).toBe(expected));
});
