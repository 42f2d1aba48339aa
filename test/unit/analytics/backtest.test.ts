import { expect, test } from "vitest";
import { parseLabels, type Incident } from "../../../analytics/backtest/labels.ts";
import { scoreBacktest } from "../../../analytics/backtest/score.ts";
import { findingId, type Finding } from "../../../analytics/index.ts";
import { FileError } from "../../../collector/kernel/errors.ts";

const minute = 60_000;
const hour = 60 * minute;
const t0 = Date.UTC(2026, 0, 5);
const range = { fromMs: t0, toMs: t0 + 48 * hour };

function finding(detector: Finding["detector"], entity: string, endMs: number, more: Partial<Finding> = {}): Finding {
  return {
    findingId: findingId(detector, "agent", entity, endMs - 5 * minute, endMs),
    detector, detectorVersion: "1", detectedAtMs: endMs, windowStartMs: endMs - 5 * minute, windowEndMs: endMs,
    entityKind: "agent", entity, server: "", tool: "", agent: entity, taskClass: "", severity: "ticket", score: 3, unit: "calls",
    actual: 10, expected: 1, expectedLow: 0, expectedHigh: 2, sampleSize: 10, title: `${detector} on ${entity}`, summary: "",
    contributors: [], callIds: [], evidenceSql: "", evidenceParams: {},
    dataHealth: { rowsInWindow: 1, baselineRows: 1, missingBuckets: 0, ingestLagMs: 0, degraded: false },
    ...more,
  };
}

const incident = (kind: Incident["kind"], entity: string, fromMs: number, toMs: number): Incident => ({ kind, entity, fromMs, toMs });

/** Of doc-bot: three windows on end, one two hours later, one the next day. Of the tool: one. */
const findings = [
  finding("denial_spike", "doc-bot", t0 + 10 * hour),
  finding("denial_spike", "doc-bot", t0 + 10 * hour + 5 * minute),
  finding("denial_spike", "doc-bot", t0 + 10 * hour + 10 * minute),
  finding("denial_spike", "doc-bot", t0 + 12 * hour + 10 * minute),
  finding("denial_spike", "doc-bot", t0 + 24 * hour),
  finding("latency_drift", "crm/search", t0 + 30 * hour, { entityKind: "tool", server: "crm", tool: "search", agent: "" }),
];

test("findings are counted by day and detector, and what goes on about the same is a repeat", () => {
  const { days, overall, detectors, incidents } = scoreBacktest(findings, null, range);
  expect(days).toEqual([
    // The window that ends at midnight is about the day before it.
    { day: "2026-01-05", detector: "denial_spike", findings: 5, repeats: 2 },
    { day: "2026-01-06", detector: "latency_drift", findings: 1, repeats: 0 },
  ]);
  expect(overall).toEqual({ detector: "all", findings: 6, repeats: 2, episodes: 4, perDay: 3, labelled: null });
  expect(detectors.map((d) => [d.detector, d.findings, d.episodes])).toEqual([["denial_spike", 5, 3], ["latency_drift", 1, 1]]);
  expect(incidents).toEqual([]);
});

test("labelled incidents are found or missed, and an episode about none of them is false", () => {
  const labels = [
    incident("denial_spike", "doc-bot", t0 + 9 * hour + 58 * minute, t0 + 11 * hour),
    incident("latency_drift", "crm", t0 + 29 * hour, t0 + 31 * hour),
    incident("unusual_sequence", "doc-bot", t0 + 10 * hour, t0 + 11 * hour), // another kind at the same time
    incident("denial_spike", "other", t0 + 10 * hour, t0 + 11 * hour), // another agent
    incident("denial_spike", "doc-bot", t0 + 60 * hour, t0 + 61 * hour), // outside of the range
  ];
  const { overall, detectors, incidents } = scoreBacktest(findings, labels, range);
  expect(overall.labelled).toEqual({ incidents: 4, found: 2, missed: 2, trueEpisodes: 2, precision: 0.5 });
  expect(detectors.map((d) => [d.detector, d.labelled])).toEqual([
    ["denial_spike", { incidents: 2, found: 1, missed: 1, trueEpisodes: 1, precision: 1 / 3 }],
    ["latency_drift", { incidents: 1, found: 1, missed: 0, trueEpisodes: 1, precision: 1 }],
    ["unusual_sequence", { incidents: 1, found: 0, missed: 1, trueEpisodes: 0, precision: null }],
  ]);
  expect(incidents.map((i) => [i.entity, i.kind, i.delayMs])).toEqual([
    ["doc-bot", "denial_spike", 2 * minute],
    ["crm", "latency_drift", hour],
    ["doc-bot", "unusual_sequence", null],
    ["other", "denial_spike", null],
  ]);
});

test("windows are half-open: one that ends as an incident begins, or begins as it ends, is not about it", () => {
  const end = t0 + 10 * hour;
  const found = (fromMs: number, toMs: number): number => scoreBacktest([findings[0]!], [incident("denial_spike", "doc-bot", fromMs, toMs)], range).overall.labelled!.found;
  expect([found(end, end + hour), found(end - hour, end - 5 * minute), found(end - 1, end + hour), found(end - hour, end - 5 * minute + 1)]).toEqual([0, 0, 1, 1]);
});

test("nothing found and nothing labelled has no precision", () => {
  expect(scoreBacktest([], [], range).overall.labelled).toEqual({ incidents: 0, found: 0, missed: 0, trueEpisodes: 0, precision: null });
});

test("labels are YAML or JSON", () => {
  const yaml = "- { entity: doc-bot, from: 2026-01-05T10:00:00Z, to: '2026-01-05T11:00:00Z', kind: denial_spike }\n";
  const json = JSON.stringify([{ entity: "doc-bot", from: "2026-01-05T10:00:00Z", to: "2026-01-05T11:00:00Z", kind: "denial_spike" }]);
  const expected = [incident("denial_spike", "doc-bot", t0 + 10 * hour, t0 + 11 * hour)];
  expect(parseLabels("l.yaml", yaml)).toEqual(expected);
  expect(parseLabels("l.json", json)).toEqual(expected);
});

test.each([
  ["- { entity: a, from: soon, to: 2026-01-05T11:00:00Z, kind: denial_spike }", /l\.yaml:1:22: 0\.from: not a time/],
  ["- { entity: a, from: 2026-01-05T11:00:00Z, to: 2026-01-05T10:00:00Z, kind: denial_spike }", /0\.to: to is not after from/],
  ["- entity: a\n  from: 2026-01-05T10:00:00Z\n  to: 2026-01-05T11:00:00Z\n  kind: horoscope", /l\.yaml:4:9: 0\.kind/],
  ["- { entity: a", /l\.yaml:/],
  ["incidents: []", /l\.yaml:1:1/],
])("the labels %j are refused with file and line", (text, message) => {
  expect(() => parseLabels("l.yaml", text)).toThrow(FileError);
  expect(() => parseLabels("l.yaml", text)).toThrow(message);
});
