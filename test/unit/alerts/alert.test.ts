import { describe, expect, it } from "vitest";
import { missingParts, renderAlertText } from "../../../alerts/alert.ts";
import { fingerprint, labelsOf, notificationId } from "../../../alerts/dedup.ts";
import { groupAlerts } from "../../../alerts/group.ts";
import { maxBodyBytes, webhookBody } from "../../../alerts/notify/webhook/body.ts";
import { hostile } from "../../integration/dashboards/seed.ts";
import { alertOf, findingAt, rule, rules, startMs } from "./fixtures.ts";

describe("an alert", () => {
  it("says who, how far, why and what to do in a few lines", () => {
    const text = renderAlertText(alertOf(findingAt(startMs)));
    expect(text.split("\n")).toHaveLength(4);
    expect(text).toContain("[PAGE] Denials on github/create_issue");
    expect(text).toContain("agent=triage-bot 97% of window vs 31% of baseline");
    expect(text).toContain("rule denial_spike v1");
  });

  it("links with absolute times", () => {
    const url = new URL(alertOf(findingAt(startMs)).links.investigate);
    expect(url.searchParams.get("to")).toBe(new Date(startMs).toISOString());
    expect(url.searchParams.get("server")).toBe("github");
  });

  it("shows hidden characters in text that goes to terminals and channels", () => {
    const text = renderAlertText(alertOf(findingAt(startMs, { title: `Denials on ${hostile.slice(0, 60)}` })));
    expect(text).toContain("\\u202e");
    expect(text).not.toContain("\u202e");
  });

  it("wakes nobody when its data is degraded, and says so in the title", () => {
    const f = findingAt(startMs);
    expect(alertOf({ ...f, dataHealth: { ...f.dataHealth, degraded: true } })).toMatchObject({ severity: "ticket", title: expect.stringMatching(/^\[low confidence\] /) });
  });

  it.each([
    ["contributors", { contributors: [] }],
    ["evidence SQL", { evidenceSql: " " }],
    ["title", { title: "" }],
    ["data health", { dataHealth: { rowsInWindow: 0, baselineRows: 0, missingBuckets: 0, ingestLagMs: 0, degraded: false } }],
  ] as const)("fails the check without its %s, and then wakes nobody", (part, over) => {
    const alert = alertOf(findingAt(startMs, over as object));
    expect(missingParts({ ...alert, title: over && "title" in over ? "" : alert.title }, rule("denial_spike"))).toContain(part);
    expect(alert.severity).toBe("ticket");
  });

  it("needs no contributors where the rule says that the entity is all there is", () => {
    expect(alertOf(findingAt(startMs, { detector: "sequence_gap", contributors: [], entityKind: "producer", entity: "proxy-1", actual: 90, expected: 100 })).severity).toBe("page");
  });
});

describe("identity", () => {
  it("does not depend on numbers, titles or the rule's version", () => {
    const [a, b] = [findingAt(startMs), findingAt(startMs + 300_000, { actual: 999, title: "other" })];
    expect(alertOf(a).fingerprint).toBe(alertOf(b).fingerprint);
    expect(labelsOf({ ...rule("denial_spike"), version: 9 }, b)).toEqual(labelsOf(rule("denial_spike"), a));
    expect(fingerprint("denial_spike", "tool", "github/x")).not.toBe(fingerprint("denial_spike", "agent", "github/x"));
  });

  it("gives one notification id to one group of transitions, in any order", () => {
    expect(notificationId("ops@1", "mcp.alert.firing", "k", ["a", "b"])).toBe(notificationId("ops@1", "mcp.alert.firing", "k", ["b", "a"]));
    expect(notificationId("ops@1", "mcp.alert.firing", "k", ["a"])).not.toBe(notificationId("dev@1", "mcp.alert.firing", "k", ["a"]));
  });
});

describe("groups", () => {
  it("tell ten tools of one server in one message, and another server apart", () => {
    const alerts = [...Array.from({ length: 10 }, (_, i) => alertOf(findingAt(startMs, { entity: `github/t${i}`, tool: `t${i}` }))), alertOf(findingAt(startMs, { entity: "files/read", server: "files", tool: "read" }))];
    expect(groupAlerts(rules, alerts).map((g) => g.alerts.length)).toEqual([10, 1]);
  });

  it("say nothing of pending and silenced alerts", () => {
    expect(groupAlerts(rules, [alertOf(findingAt(startMs), { state: "pending" }), alertOf(findingAt(startMs), { state: "silenced" })])).toEqual([]);
  });

  it("fit into 20 kB however many there are, and say how many were left out", () => {
    const alerts = Array.from({ length: 200 }, (_, i) => alertOf(findingAt(startMs, { entity: `github/t${i}`, summary: "s".repeat(2000), evidenceSql: "SELECT 1 ".repeat(500) })));
    const body = webhookBody({ key: "k", type: "mcp.alert.firing", alerts }, startMs);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(maxBodyBytes);
    const { data } = JSON.parse(body) as { data: { alerts: unknown[]; truncatedAlerts: number; alertCount: number } };
    expect(data.alerts.length).toBeGreaterThan(3);
    expect(data.alerts.length + data.truncatedAlerts).toBe(200);
  });
});
