import { expect, test } from "vitest";
import { OutputSchemas } from "../../../proxy/handling/schema/output-schemas.ts";
import { safePattern } from "../../../proxy/handling/schema/safe-pattern.ts";
import { SchemaValidator } from "../../../proxy/handling/schema/validate.ts";

const verdict = (schema: unknown, value: unknown): string => new SchemaValidator(schema).validate(value);

for (const [schema, fits, misfits] of [
  [{ type: "object", required: ["a"], properties: { a: { type: "string" } } }, [{ a: "x" }, { a: "x", b: 1 }], [{}, { a: 1 }, [], null]],
  [{ type: "object", properties: { a: {} }, additionalProperties: false }, [{}, { a: 1 }], [{ b: 1 }]],
  [{ type: ["integer", "null"] }, [1, null, 2.0], [1.5, "1"]],
  [{ type: "number", minimum: 1, exclusiveMaximum: 3, multipleOf: 0.5 }, [1, 2.5], [0, 3, 1.2]],
  [{ type: "string", minLength: 2, maxLength: 3, pattern: "^[a-z]+$" }, ["ab", "abc"], ["a", "abcd", "A1"]],
  [{ minLength: 2 }, ["ab", 1, "👩👩"], ["👩"]],
  [{ type: "array", items: { type: "number" }, minItems: 1, maxItems: 2 }, [[1], [1, 2]], [[], [1, 2, 3], ["1"]]],
  [{ prefixItems: [{ type: "string" }], items: { type: "number" } }, [["a", 1], []], [[1], ["a", "b"]]],
  [{ items: [{ type: "string" }], additionalItems: false }, [["a"], []], [["a", 1]]],
  [{ uniqueItems: true }, [[1, "1", { a: 1 }, { a: 2 }]], [[1, 1], [{ a: 1 }, { a: 1 }]]],
  [{ contains: { type: "number" }, maxContains: 1 }, [[1, "a"]], [[], ["a"], [1, 2]]],
  [{ enum: ["a", { b: 1 }] }, ["a", { b: 1 }], ["b", { b: 2 }]],
  [{ const: null }, [null], [0, ""]],
  [{ anyOf: [{ type: "string" }, { type: "number" }] }, ["a", 1], [true]],
  [{ oneOf: [{ type: "number" }, { minimum: 5 }] }, [1, "a"], [6]],
  [{ not: { type: "string" } }, [1], ["a"]],
  [{ if: { required: ["a"] }, then: { required: ["b"] }, else: { required: ["c"] } }, [{ a: 1, b: 1 }, { c: 1 }], [{ a: 1 }, {}]],
  [{ $ref: "#/$defs/n", $defs: { n: { type: "number" } } }, [1], ["a"]],
  [{ $ref: "#tree", $defs: { t: { $anchor: "tree", properties: { next: { $ref: "#tree" } }, required: ["v"] } } }, [{ v: 1, next: { v: 2 } }], [{ v: 1, next: {} }]],
  [{ patternProperties: { "^x-": { type: "string" } }, additionalProperties: false }, [{ "x-a": "b" }], [{ "x-a": 1 }, { y: 1 }]],
  [{ propertyNames: { maxLength: 2 }, maxProperties: 2 }, [{ ab: 1 }], [{ abc: 1 }, { a: 1, b: 1, c: 1 }]],
  [{ dependentRequired: { a: ["b"] } }, [{ b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
  [true, [1, "a"], []],
  [{ properties: { x: false } }, [{}], [{ x: 1 }]],
  [{ required: ["constructor"], properties: { toString: { type: "number" } } }, [{ constructor: 1 }], [{}]],
] as const) {
  test(`values are told apart by ${JSON.stringify(schema)}`, () => {
    for (const value of fits) expect([value, verdict(schema, value)]).toEqual([value, "fits"]);
    for (const value of misfits) expect([value, verdict(schema, value)]).toEqual([value, "mismatch"]);
  });
}

test("a schema whose branches double at each level is given up, and not waited for", () => {
  const defs: Record<string, unknown> = { a40: { type: "string" } };
  for (let i = 0; i < 40; i++) defs[`a${i}`] = { anyOf: [{ $ref: `#/$defs/a${i + 1}` }, { $ref: `#/$defs/a${i + 1}` }] };
  const started = performance.now();
  expect(verdict({ $ref: "#/$defs/a0", $defs: defs }, 1)).toBe("limit");
  expect(performance.now() - started).toBeLessThan(500);
});

test("neither are one that refers to itself, a long list of objects that must differ, nor a schema elsewhere", () => {
  expect(verdict({ $ref: "#" }, 1)).toBe("limit");
  expect(verdict({ uniqueItems: true }, Array.from({ length: 20_000 }, (_, i) => ({ a: { b: i } })))).toBe("limit");
  expect(verdict({ $ref: "https://example.com/schema" }, 1)).toBe("limit");
});

for (const source of ["(a+)+$", "(a|aa)*b", "(a{0,64}){0,64}b", "(?=a)b", "(a)\\1", "[", "a".repeat(600), "a?".repeat(40)]) {
  test(`the pattern ${source.slice(0, 30)} is not run`, () => {
    expect(safePattern(source)).toBeNull();
    expect(verdict({ pattern: source }, "a".repeat(50))).toBe("fits");
  });
}

for (const [source, matching, other] of [
  ["^[a-z]{2,3}-\\d+$", "ab-12", "ab-"],
  ["^(\\d+)(\\.\\d+)?$", "1.5", "x"],
  ["^(https?|ftp)://[^/]+", "https://a", "gopher://a"],
  ["^([0-9a-f]{2}:){5}[0-9a-f]{2}$", "00:11:22:33:44:55", "00:11"],
] as const) {
  test(`the pattern ${source} is run`, () => {
    expect(safePattern(source)).not.toBeNull();
    expect(verdict({ pattern: source }, matching)).toBe("fits");
    expect(verdict({ pattern: source }, other)).toBe("mismatch");
  });
}

test("what is accepted as a pattern takes bounded time on the text that suits it least", () => {
  for (const source of ["^a*a*a*b$", "a*a*b", "^(a?)(a?)(a?)(a?)(a?)(a?)(a?)(a?)aaaaaaaab$", "x*y*z*"]) {
    const pattern = safePattern(source);
    if (pattern === null) continue;
    const started = performance.now();
    pattern.test("a".repeat(pattern.maxLength));
    expect(performance.now() - started, source).toBeLessThan(100);
  }
});

test("a schema is read once for each definition, and a definition without one has none", () => {
  const schemas = new OutputSchemas();
  const seen = { hash: "h1", definition: JSON.stringify({ name: "t", outputSchema: { type: "object" } }) };
  expect(schemas.of(seen)).toBe(schemas.of(seen));
  expect(schemas.of(seen)?.validate([])).toBe("mismatch");
  expect(schemas.of({ hash: "h2", definition: "{}" })).toBeNull();
  expect(schemas.of({ hash: "h3", definition: "" })).toBeNull();
  expect(schemas.of({ hash: "h4", definition: "{" })).toBeNull();
  expect(schemas.of(undefined)).toBeNull();
});
