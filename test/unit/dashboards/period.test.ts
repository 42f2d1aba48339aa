import { describe, expect, it } from "vitest";
import { readRange, stepSeconds } from "../../../dashboards/range.ts";
import { describePeriod, lastPeriod } from "../../../dashboards/reports/period.ts";

const iso = (ms: number) => new Date(ms).toISOString();

describe("a report's period", () => {
  it.each([
    ["UTC", "2026-03-09T07:00:00Z", "2026-03-02T00:00:00.000Z", "2026-03-09T00:00:00.000Z"],
    ["Europe/Berlin", "2026-03-30T05:00:00Z", "2026-03-22T23:00:00.000Z", "2026-03-29T22:00:00.000Z"],
    ["Europe/Berlin", "2026-10-26T06:00:00Z", "2026-10-18T22:00:00.000Z", "2026-10-25T23:00:00.000Z"],
    ["America/New_York", "2026-03-09T03:00:00Z", "2026-03-01T05:00:00.000Z", "2026-03-08T05:00:00.000Z"],
    ["Asia/Kolkata", "2026-03-09T07:00:00Z", "2026-03-01T18:30:00.000Z", "2026-03-08T18:30:00.000Z"],
  ])("is whole days of %s at %s", (timeZone, now, from, to) => {
    const period = lastPeriod(Date.parse(now), { timeZone, days: 7 });
    expect([iso(period.fromMs), iso(period.toMs)]).toEqual([from, to]);
  });

  it("names its zone and offset, both where the clocks changed in it", () => {
    expect(describePeriod(lastPeriod(Date.parse("2026-03-30T05:00:00Z"), { timeZone: "Europe/Berlin", days: 7 }), "Europe/Berlin")).toBe("2026-03-23 00:00 to 2026-03-30 00:00 (Europe/Berlin, UTC+1 to UTC+2)");
    expect(describePeriod({ fromMs: 0, toMs: 86_400_000 }, "Asia/Kolkata")).toContain("UTC+5:30");
  });
});

describe("a request's range", () => {
  const now = Date.UTC(2026, 2, 2);
  it("is the last hour where nothing is asked", () => expect(readRange({}, now)).toEqual({ fromMs: now - 3600_000, toMs: now }));
  it("takes ISO times and milliseconds", () => expect(readRange({ from: "2026-03-01T00:00:00Z", to: String(now) }, now)).toEqual({ fromMs: Date.UTC(2026, 2, 1), toMs: now }));
  it("is refused where it is empty or no time", () => {
    expect(() => readRange({ from: String(now), to: String(now) }, now)).toThrow();
    expect(() => readRange({ from: "yesterday" }, now)).toThrow();
  });
  it("reaches back 400 days at most", () => expect(readRange({ from: "0" }, now).fromMs).toBe(now - 400 * 86_400_000));
  it("gives a chart at most 240 steps", () => {
    for (const days of [0.04, 1, 7, 30, 60]) expect((days * 86_400) / stepSeconds({ fromMs: now - days * 86_400_000, toMs: now })).toBeLessThanOrEqual(240);
  });
});
