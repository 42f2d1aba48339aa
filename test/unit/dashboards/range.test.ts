import { expect, it } from "vitest";
import { newestFirst, stepSeconds } from "../../../dashboards/range.ts";

const hour = 3600_000;

it("cuts a range into stretches that begin with its newest hour, grow, and cover it once", () => {
  const range = { fromMs: 12_345, toMs: 12_345 + 90 * 24 * hour };
  const windows = newestFirst(range);
  expect(windows[0]).toEqual({ fromMs: range.toMs - hour, toMs: range.toMs });
  expect(windows.at(-1)!.fromMs).toBe(range.fromMs);
  for (const [i, older] of windows.slice(1).entries()) expect(older.toMs).toBe(windows[i]!.fromMs);
  expect(windows.length).toBeLessThan(7);
});

it("leaves a short range whole, and an empty one without any", () => {
  expect(newestFirst({ fromMs: 5, toMs: 9 })).toEqual([{ fromMs: 5, toMs: 9 }]);
  expect(newestFirst({ fromMs: 9, toMs: 9 })).toEqual([]);
});

it.each([
  [hour, 60],
  [24 * hour, 600],
  [5 * 24 * hour, 1800],
  [10 * 24 * hour, 3600],
  [90 * 24 * hour, 86_400],
])("a chart of %i ms has steps of %i s, and rollups no coarser than they", (length, seconds) => {
  expect(stepSeconds({ fromMs: 0, toMs: length })).toBe(seconds);
});
