import { expect, test } from "vitest";
import { paramHeaders, paramMismatch } from "../../../proxy/era/param-headers.ts";

const region = { type: "string", "x-mcp-header": "Region" };
const schema = { type: "object", properties: { region, place: { type: "object", properties: { floor: { type: "integer", "x-mcp-header": "Floor" } } }, dry: { type: "boolean", "x-mcp-header": "Dry" } } };
const wanted = paramHeaders(schema);

test("the headers that a definition asks for are found at any depth of properties", () => {
  expect(wanted).toEqual([
    { header: "mcp-param-region", path: ["region"], isNumber: false },
    { header: "mcp-param-floor", path: ["place", "floor"], isNumber: true },
    { header: "mcp-param-dry", path: ["dry"], isNumber: false },
  ]);
});

for (const [what, broken] of [
  ["on the whole", { ...schema, "x-mcp-header": "All" }],
  ["on a list's entries", { properties: { region, list: { type: "array", items: region } } }],
  ["in an alternative", { properties: { region }, anyOf: [{ properties: { other: { type: "string", "x-mcp-header": "Other" } } }] }],
  ["on a number that is no integer", { properties: { n: { type: "number", "x-mcp-header": "N" } } }],
  ["with a name that no header can have", { properties: { n: { type: "string", "x-mcp-header": "a b" } } }],
  ["twice under one name", { properties: { region, other: { type: "string", "x-mcp-header": "REGION" } } }],
  ["nowhere", { properties: { plain: { type: "string", default: { "x-mcp-header": "x" } } } }],
] as const) {
  test(`a definition that asks for a header ${what} asks for none`, () => expect(paramHeaders(broken)).toEqual([]));
}

test("a schema that is nested without end is left", () => {
  let deep: Record<string, unknown> = { type: "string", "x-mcp-header": "X" };
  for (let i = 0; i < 5000; i++) deep = { properties: { a: deep } };
  expect(paramHeaders(deep)).toEqual([]);
});

for (const [what, args, headers, expected] of [
  ["what the body says", { region: "eu", dry: true, place: { floor: 3 } }, { "mcp-param-region": "eu", "mcp-param-dry": "true", "mcp-param-floor": "3" }, null],
  ["it in base64", { region: "Łódź" }, { "mcp-param-region": "=?base64?xYHDs2TFug==?=" }, null],
  ["the same number otherwise", { place: { floor: 42 } }, { "mcp-param-floor": "42.0" }, null],
  ["something else", { region: "eu" }, { "mcp-param-region": "us" }, "mcp-param-region"],
  ["nothing", { region: "eu" }, {}, "mcp-param-region"],
  ["base64 that is none", { region: "eu" }, { "mcp-param-region": "=?base64?!?=" }, "mcp-param-region"],
  ["two things", { region: "eu" }, { "mcp-param-region": "eu, us" }, "mcp-param-region"],
  ["something of what the body leaves out", { region: null }, { "mcp-param-region": "us" }, null],
  ["what no definition asks for", {}, { "mcp-param-other": "x" }, null],
  ["nothing of an inherited member", JSON.parse('{"__proto__":{"region":"eu"}}'), {}, null],
] as const) {
  test(`headers that say ${what} ${expected === null ? "agree" : "are a mismatch"}`, () => expect(paramMismatch(wanted, args, headers)).toBe(expected));
}
