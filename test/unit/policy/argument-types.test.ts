import { describe, expect, it } from "vitest";
import { argumentTypes, declareArguments, typeAt } from "../../../proxy/policy/argument-types.ts";
import { compileCondition, createBaseEnvironment } from "../../../proxy/policy/condition.ts";

const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });

/** The type of the argument `x`, in short. */
function typeOfX(schema: object, more: object = {}): string {
  const written = (type: ReturnType<typeof argumentTypes> | undefined): string => {
    if (!type) return "none";
    if (type.kind === "list" || type.kind === "map") return `${type.kind}<${written(type.of)}>`;
    if (type.kind === "object") return `{${[...type.fields].map(([name, field]) => `${name}: ${written(field)}`).join(", ")}}`;
    return type.kind === "string" && type.values ? type.values.join("|") : type.kind;
  };
  return written(typeAt(argumentTypes(object({ x: schema }, more)), ["x"]));
}

describe("a JSON schema becomes a type:", () => {
  const table: [string, object, string][] = [
    ["a string", { type: "string", maxLength: 3 }, "string"],
    ["a whole number, which JSON does not tell apart", { type: "integer" }, "double"],
    ["a number", { type: "number" }, "double"],
    ["a boolean", { type: "boolean" }, "bool"],
    ["a list", { type: "array", items: { type: "string" } }, "list<string>"],
    ["a list of anything", { type: "array" }, "list<dyn>"],
    ["an object", object({ a: { type: "string" }, b: object({}) }), "{a: string, b: {}}"],
    ["an object by its properties alone", { properties: { a: { type: "string" } } }, "{a: string}"],
    ["an object without properties", { type: "object" }, "map<dyn>"],
    ["a map", { type: "object", additionalProperties: { type: "number" } }, "map<double>"],
    ["an object that may have more", object({ a: { type: "string" } }, { additionalProperties: true }), "map<dyn>"],
    ["an object that may not have more", object({ a: { type: "string" } }, { additionalProperties: false }), "{a: string}"],
    ["some strings", { enum: ["a", "b"] }, "a|b"],
    ["one string", { const: "a" }, "a"],
    ["some numbers", { enum: [1, 2] }, "double"],
    ["mixed values", { enum: [1, "a"] }, "dyn"],
    ["two types", { type: ["string", "null"] }, "dyn"],
    ["alternatives of one kind", { anyOf: [{ type: "string" }, { enum: ["a"] }] }, "string"],
    ["alternatives of several kinds", { oneOf: [{ type: "string" }, { type: "number" }] }, "dyn"],
    ["a reference", { $ref: "#/$defs/name" }, "string"],
    ["a reference that leads nowhere", { $ref: "#/$defs/other" }, "dyn"],
    ["a reference to elsewhere", { $ref: "https://example.com/schema.json" }, "dyn"],
    ["a reference to itself", { $ref: "#/$defs/tree" }, "{next: dyn, name: string}"],
    ["nothing said", {}, "dyn"],
    ["nonsense", { type: 5, properties: [] }, "map<dyn>"],
  ];
  const $defs = { name: { type: "string" }, tree: object({ next: { $ref: "#/$defs/tree" }, name: { type: "string" } }) };
  it.each(table)("%s", (_name, schema, expected) => expect(typeOfX(schema, { $defs })).toBe(expected));

  it("a schema that is nested without end is dyn below some depth, and one of many names is cut off", () => {
    let deep: object = { type: "string" };
    for (let i = 0; i < 1000; i++) deep = object({ x: deep });
    expect(typeAt(argumentTypes(deep), Array.from({ length: 100 }, () => "x"))?.kind).toBe("dyn");
    const wide = object(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`p${i}`, { type: "string" }])));
    expect(typeAt(argumentTypes(wide), ["p4999"])?.kind).toBe("dyn");
  });

  it.each([[null], [true], ["x"], [[]], [{ type: "string" }]])("arguments of which %j is said may be anything", (schema) => {
    expect(argumentTypes(schema)).toEqual({ kind: "dyn" });
  });

  it("names that mean something to JavaScript are names like others", () => {
    const type = argumentTypes(JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"number"}}}'));
    const check = (expression: string) => compileCondition(declareArguments(createBaseEnvironment("/"), type), expression);
    expect(() => check('args.constructor > "x"')).toThrow("double > string");
    expect(() => check("args.toString == 1")).toThrow("No such key");
  });
});

describe("what holds at run time is not refused by the types:", () => {
  const type = argumentTypes(object({ n: { type: "integer" }, s: { type: "string" }, list: { type: "array", items: { type: "number" } }, o: object({ a: { type: "number" } }) }));
  const environment = createBaseEnvironment("/data");
  const expressions = ["args.n == 5", "5 != args.n", "args.n in [1, 2]", "args.n >= 1.5", '"n" in args', "size(args) > 0", "args.list == [1, 2]", "args.o.a == 1", 'args["n"] == 1', "args.n == task.calls", "args.s.isInside(dataDir)"];
  it.each(expressions)("%s", (expression) => expect(() => compileCondition(declareArguments(environment, type), expression)).not.toThrow());
});
