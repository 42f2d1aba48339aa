import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { factTypes } from "../../../proxy/policy/condition.ts";

it("the README names every fact that conditions may read, and no other", () => {
  const text = readFileSync(new URL("../../../proxy/policy/README.md", import.meta.url), "utf8");
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  const named = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`([^`]+)`/g)].map((m) => m[1]!));
  const fields = Object.entries(factTypes).flatMap(([type, of]) => Object.keys(of).map((field) => `${type.toLowerCase()}.${field}`));
  expect(named.toSorted()).toEqual([...fields, "agent", "principal", "method", "args", "now", "dataDir"].toSorted());
});
