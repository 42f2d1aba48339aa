import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stringify, parse } from "yaml";
import { packagedRulesDir } from "../../../alerts/config.ts";
import { loadRules, parseRule } from "../../../alerts/rule.ts";
import { findingSchema } from "../../../analytics/findings/finding.ts";

const good = parse(readFileSync(join(packagedRulesDir, "denial_spike.yaml"), "utf8")) as Record<string, unknown>;
const problems = (over: Record<string, unknown>): string => {
  const result = parseRule("rule.yaml", stringify({ ...good, ...over }));
  return "problems" in result ? result.problems.map((p) => p.message).join("; ") : "";
};

describe("rules", () => {
  it("are there for every detector, each in a file of its name", () => {
    expect(loadRules(packagedRulesDir).map((r) => r.detector).sort()).toEqual([...findingSchema.shape.detector.options].sort());
    expect(readdirSync(packagedRulesDir).sort()).toEqual(loadRules(packagedRulesDir).map((r) => `${r.id}.yaml`).sort());
  });

  it.each([
    ["no runbook", { runbook: undefined }, /runbook/],
    ["a runbook that is nowhere", { runbook: "ask somebody" }, /runbook/],
    ["no investigation guide", { investigation_guide: "" }, /investigation_guide/],
    ["no false positives", { false_positives: [] }, /false_positives/],
    ["no owner", { owner: " " }, /owner/],
    ["a resolve on missing data", { no_data: "resolve" }, /no_data/],
    ["more breaches than windows", { for: "3 of 2" }, /for/],
    ["a number as a label name", { labels: { "mcp.server.name": "x" } }, /labels/],
    ["an unknown key", { thresold: 3 }, /thresold/],
    ["no effect floor", { min_effect: undefined }, /min_effect/],
  ])("are refused with %s", (_, over, message) => expect(problems(over)).toMatch(message));

  it("name the line of the fault", () => {
    const source = readFileSync(join(packagedRulesDir, "denial_spike.yaml"), "utf8").replace("severity: page", "severity: loud");
    const result = parseRule("r.yaml", source);
    expect("problems" in result && result.problems[0]).toMatchObject({ line: 6, file: "r.yaml" });
  });
});
