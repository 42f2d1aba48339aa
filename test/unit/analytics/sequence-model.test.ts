import { expect, test } from "vitest";
import { blockMs, blocksToCount } from "../../../analytics/jobs/sequence-model/blocks.ts";
import { isLeftOut, leaveOut, type KnownIncident } from "../../../analytics/jobs/sequence-model/left-out.ts";
import { versionName } from "../../../analytics/sequences/model.ts";

const at = (blocks: number): number => blocks * blockMs;
const range = (from: number, to: number) => ({ fromMs: at(from), toMs: at(to) });

test("only blocks that are missing are counted, together where they stand together, six at once", () => {
  expect(blocksToCount(range(0, 3), new Map(), [])).toEqual({ ranges: [range(0, 3)], again: false });
  expect(blocksToCount(range(0, 5), new Map([[at(0), 1], [at(2), 1], [at(3), 1]]), [])).toEqual({ ranges: [range(1, 2), range(4, 5)], again: false });
  expect(blocksToCount(range(0, 14), new Map(), []).ranges).toEqual([range(0, 6), range(6, 12), range(12, 14)]);
  expect(blocksToCount(range(0, 2), new Map([[at(0), 1], [at(1), 1]]), [])).toEqual({ ranges: [], again: false });
});

test("a block is counted again where something became known of it after it was", () => {
  const counted = new Map([0, 1, 2, 3].map((i) => [at(i), at(i + 1)]));
  const touched = { fromMs: at(1) + 5, toMs: at(2) + 5 };
  expect(blocksToCount(range(0, 4), counted, [{ ...touched, markedMs: at(9) }])).toEqual({ ranges: [range(1, 3)], again: true });
  expect(blocksToCount(range(0, 4), counted, [{ ...touched, markedMs: at(2) }])).toEqual({ ranges: [], again: false });
});

const incident = (over: Partial<KnownIncident> = {}): KnownIncident => ({
  id: "inc_1",
  markedMs: at(9),
  detectedMs: at(5),
  endedMs: at(7),
  calls: [{ callId: "p1-4", atMs: at(4), agent: "bot", taskId: "t1" }],
  findings: [{ task: "t2", agent: "other", windowStartMs: at(5) - 10 }],
  ...over,
});

test("an incident leaves out its calls, their tasks, its finding's task, and what their agents did until it was contained", () => {
  const out = leaveOut([incident()]);
  expect(out).toEqual({
    incidents: ["inc_1"],
    calls: ["p1-4"],
    tasks: ["t1", "t2"],
    spans: [{ agent: "bot", fromMs: at(4), toMs: at(7) }, { agent: "other", fromMs: at(4), toMs: at(7) }],
    touched: [{ markedMs: at(9), fromMs: at(4), toMs: at(7) }],
  });
  const work = { agent: "bot", taskId: "t9", callIds: ["p1-9"], timesMs: [at(8)] };
  expect(isLeftOut(out, work)).toBe(false);
  expect(isLeftOut(out, { ...work, timesMs: [at(6)] })).toBe(true);
  expect(isLeftOut(out, { ...work, agent: "third", timesMs: [at(6)] })).toBe(false);
  expect(isLeftOut(out, { ...work, taskId: "t2" })).toBe(true);
  expect(isLeftOut(out, { ...work, callIds: ["p1-4"] })).toBe(true);
});

test("an incident that nobody ended takes a day from its agents and no more", () => {
  expect(leaveOut([incident({ endedMs: 0 })]).spans[0]).toEqual({ agent: "bot", fromMs: at(4), toMs: at(28) });
  expect(leaveOut([incident({ endedMs: at(90) })]).spans[0]).toEqual({ agent: "bot", fromMs: at(4), toMs: at(28) });
  // Contained before the last of its calls was made: that call counts too.
  expect(leaveOut([incident({ endedMs: at(3) })]).spans[0]).toEqual({ agent: "bot", fromMs: at(4), toMs: at(4) + 1 });
});

test("a version is named by the moment up to which it learnt", () => {
  expect(versionName(Date.UTC(2026, 0, 5, 12))).toBe("2026-01-05T12:00Z");
});
