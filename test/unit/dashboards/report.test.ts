import { describe, expect, it } from "vitest";
import { loadDefinition } from "../../../dashboards/reports/definition.ts";
import { nameOf, reportName } from "../../../dashboards/reports/deliver.ts";
import { renderHtml, renderMarkdown, renderReport } from "../../../dashboards/reports/render.ts";
import { reportSchema, type Report } from "../../../dashboards/reports/report.ts";
import { parseCallId } from "../../../dashboards/call-id.ts";
import { ruleTexts } from "../../../dashboards/explain.ts";
import { hostile } from "../../integration/dashboards/seed.ts";

const report: Report = {
  id: "leadership", definitionVersion: 1, title: "Agent access scorecard", from: "2026-03-01T23:00:00.000Z", to: "2026-03-08T23:00:00.000Z", timeZone: "Europe/Berlin", period: "2026-03-02 00:00 to 2026-03-09 00:00 (Europe/Berlin, UTC+1)", asOf: "2026-03-09T06:00:00.000Z",
  metrics: loadDefinition("leadership").metrics.map((d, i) => ({ id: d.id, title: d.title, unit: d.unit, better: d.better, value: i === 2 ? null : 0.5, numerator: 1, denominator: 2, target: d.target, status: i === 2 ? "no data" : "off target", previous: 0.4, previousDenominator: 2, history: [{ endMs: 1, value: 0.4, denominator: 2 }, { endMs: 2, value: 0.5, denominator: 2 }], definition: d.definition, definitionVersion: d.version, sqlSha256: d.sqlSha256, offendersTitle: d.offenders, action: d.action, offenders: [{ name: `${hostile} | [x](javascript:alert(1))`, detail: "no owner", owner: "", weight: 1, link: "javascript:alert(1)" }], moreOffenders: 3 })),
  parts: [{ dimension: "team", rows: [{ name: `${hostile} | team`, few: false, cells: [{ metric: "explicit_policy_coverage", value: 0.96, numerator: 96, denominator: 100, previous: 0.945, previousDenominator: 90, history: [] }] }, { name: "", few: true, cells: [{ metric: "time_to_investigate", value: null, numerator: 0, denominator: 2, previous: null, previousDenominator: 0, history: [] }] }], more: 4 }],
  changes: [`${hostile} rose`], incidents: { opened: 1, open: 1, resolved: 0 }, coverage: { calls: 10, missingRecords: 0, newestCall: "" },
};

describe("a report", () => {
  it("survives being frozen as JSON", () => expect(reportSchema.parse(JSON.parse(renderReport(report, "json")))).toEqual(report));

  it("prints every number's definition with its version and SQL digest", () => {
    for (const text of [renderMarkdown(report), renderHtml(report)]) {
      for (const m of report.metrics) expect(text).toContain(`Definition ${m.definitionVersion}, SQL ${m.sqlSha256.slice(0, 12)}`);
    }
  });

  it("holds no markup, script or link of somebody else's making", () => {
    const html = renderHtml(report);
    expect(html).not.toContain("<img");
    expect(html).not.toContain("<script");
    expect(html).not.toContain("href=\"javascript:");
    const markdown = renderMarkdown(report);
    expect(markdown).not.toMatch(/[^\\]<(img|script)/);
    expect(markdown).not.toContain("[x](");
    expect(markdown).not.toContain("\u202e");
    expect(markdown.split("\n").filter((l) => l.startsWith("| ") && l.includes("| no owner |")).every((l) => l.replace(/\\\|/g, "").split("|").length === 5)).toBe(true);
  });

  it("takes the numbers apart: a value, what it stands on, and how far it moved", () => {
    const markdown = renderMarkdown(report);
    expect(markdown).toContain("## By team");
    expect(markdown).toContain("| 96.0% (n 100, +1.5) |");
    expect(markdown).toContain("| no owner (few calls) | - (n 2) |");
    expect(markdown).toContain("4 more are not listed.");
    expect(renderHtml(report)).toContain("<td>96.0% (n 100, +1.5)</td>");
    const { parts: _, ...frozenBefore } = report;
    expect(renderMarkdown(reportSchema.parse(frozenBefore))).not.toContain("By team");
  });

  it("says that there is no number rather than zero", () => expect(renderMarkdown(report)).toContain("**no data**"));

  it("is named by its days in its own zone", () => {
    expect(nameOf(report)).toBe("leadership-2026-03-02-2026-03-09");
    expect(nameOf(report)).toMatch(reportName);
    expect("../../etc/passwd").not.toMatch(reportName);
  });
});

it("a call id is split at its last hyphen", () => {
  expect(parseCallId("proxy-host-3-17")).toEqual({ producer: "proxy-host-3", seq: "17" });
  for (const bad of ["", "17", "proxy-", "proxy-0", "proxy-1x", `p-${"9".repeat(30)}`]) expect(parseCallId(bad)).toBeNull();
});

it("a rule's text is what its author wrote, in the version that decided", () => {
  const kept = JSON.stringify([{ id: "a", effect: "deny", description: "", match: { agents: [], tools: ["x"] }, when: "true" }]);
  expect(ruleTexts(["a", "gone"], kept)).toMatchObject([{ id: "a", effect: "deny", text: "id: a\neffect: deny\nmatch:\n  tools:\n    - x\nwhen: \"true\"\n" }, { id: "gone", text: "" }]);
  expect(ruleTexts(["a"], "{not json")).toMatchObject([{ text: "" }]);
});
