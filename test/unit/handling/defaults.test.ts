import { expect, test } from "vitest";
import { handlingFor, promptHandlingFor } from "../../../proxy/handling/defaults.ts";
import { serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";

const entryOf = (more: Record<string, unknown>): ServerEntry =>
  serverEntrySchema.parse({ name: "s", endpoint: { transport: "streamable-http", url: "http://a.example" }, tools: { safe: { trusted: true }, open: { trusted: false } }, ...more });

for (const [riskTier, tool, expected] of [
  ["low", "safe", { schemaMismatch: "pass", secrets: "annotate", personalData: "pass", instructions: "pass", hidden: "pass", trusted: true }],
  ["low", "open", { schemaMismatch: "annotate", secrets: "redact", personalData: "pass", instructions: "annotate", hidden: "annotate", trusted: false }],
  ["medium", "safe", { schemaMismatch: "annotate", secrets: "redact", instructions: "annotate" }],
  ["medium", "open", { schemaMismatch: "annotate", secrets: "redact", instructions: "annotate" }],
  ["high", "safe", { schemaMismatch: "block", secrets: "redact", instructions: "quarantine" }],
  ["high", "open", { schemaMismatch: "block", secrets: "redact", personalData: "annotate", instructions: "quarantine" }],
  [undefined, "open", { schemaMismatch: "annotate", secrets: "redact", instructions: "annotate" }],
] as const) {
  test(`a ${tool === "safe" ? "trusted" : "untrusted"} tool of ${riskTier ?? "no"} tier`, () => {
    expect(handlingFor(entryOf({ riskTier }), tool)).toMatchObject(expected);
  });
}

test("what the registry says comes first, and only that", () => {
  const entry = entryOf({ riskTier: "high", handling: { instructions: "annotate", maxTextBytes: 5000, contentTypes: ["text/plain"] } });
  expect(handlingFor(entry, "open")).toMatchObject({ instructions: "annotate", maxTextBytes: 5000, contentTypes: ["text/plain"], secrets: "redact", schemaMismatch: "block" });
});

test("a tool that the registry does not list, and a resource, are not trusted", () => {
  expect(handlingFor(entryOf({}), "other").trusted).toBe(false);
  expect(handlingFor(entryOf({}), "").trusted).toBe(false);
  expect(handlingFor(entryOf({}), "constructor").trusted).toBe(false);
});

test("a prompt may read like instructions, unless the registry says otherwise", () => {
  expect(promptHandlingFor(entryOf({ riskTier: "high" }))).toMatchObject({ instructions: "pass", secrets: "redact" });
  expect(promptHandlingFor(entryOf({ handling: { instructions: "block" } })).instructions).toBe("block");
});

test("in observe mode nothing is enforced", () => {
  expect(handlingFor(entryOf({ mode: "observe" }), "safe").enforced).toBe(false);
  expect(handlingFor(entryOf({}), "safe").enforced).toBe(true);
});
