import { expect, test } from "vitest";
import { blockMs, blocksToCount, type CountedBlock } from "../../../analytics/jobs/sequence-model/blocks.ts";
import { isLeftOut, leaveOut, type KnownIncident } from "../../../analytics/jobs/sequence-model/left-out.ts";
import { planVersion } from "../../../analytics/jobs/sequence-model/plan.ts";
import { versionName } from "../../../analytics/sequences/model.ts";

const at = (blocks: number): number => blocks * blockMs;
const range = (from: number, to: number) => ({ fromMs: at(from), toMs: at(to) });

const all = { calls: new Map<number, number>(), most: 1000 };

test("only blocks that are missing are counted, together where they stand together, six at once", () => {
  expect(blocksToCount(range(0, 3), new Map(), [], all)).toEqual({ ranges: [range(0, 3)], again: false, left: 0 });
  expect(blocksToCount(range(0, 5), new Map([[at(0), 1], [at(2), 1], [at(3), 1]]), [], all)).toEqual({ ranges: [range(1, 2), range(4, 5)], again: false, left: 0 });
  expect(blocksToCount(range(0, 14), new Map(), [], all).ranges).toEqual([range(0, 6), range(6, 12), range(12, 14)]);
  expect(blocksToCount(range(0, 2), new Map([[at(0), 1], [at(1), 1]]), [], all)).toEqual({ ranges: [], again: false, left: 0 });
});

test("a block is counted again where something became known of it after it was", () => {
  const counted = new Map([0, 1, 2, 3].map((i) => [at(i), at(i + 1)]));
  const touched = { fromMs: at(1) + 5, toMs: at(2) + 5 };
  expect(blocksToCount(range(0, 4), counted, [{ ...touched, markedMs: at(9) }], all)).toEqual({ ranges: [range(1, 3)], again: true, left: 0 });
  expect(blocksToCount(range(0, 4), counted, [{ ...touched, markedMs: at(2) }], all)).toEqual({ ranges: [], again: false, left: 0 });
});

test("of more calls than a tick counts the newest blocks are counted, one at least, and the ticks after go on", () => {
  const calls = new Map([[at(0), 10], [at(1), 400], [at(3), 700], [at(4), 5000]]);
  const counted = new Map<number, number>();
  const tick = () => {
    const { ranges, left } = blocksToCount(range(0, 5), counted, [], { calls, most: 1000 });
    for (const { fromMs, toMs } of ranges) for (let one = fromMs; one < toMs; one += blockMs) counted.set(one, 1);
    return { ranges, left };
  };
  expect(tick()).toEqual({ ranges: [range(4, 5)], left: 4 });
  // Block 2 has no calls, and block 1 would be too many.
  expect(tick()).toEqual({ ranges: [range(2, 4)], left: 2 });
  expect(tick()).toEqual({ ranges: [range(0, 2)], left: 0 });
  expect(tick()).toEqual({ ranges: [], left: 0 });
});

const block = (i: number, countedMs: number, counts = 100): CountedBlock => ({ blockMs: at(i), countedMs, counts });
const made = (...blocks: CountedBlock[]) => new Map(blocks.map((one) => [one.blockMs, one.countedMs]));

test("a version is the one before with the block that came and without the one that went", () => {
  const plan = planVersion(made(block(0, 7), block(1, 7)), [block(0, 7), block(1, 7), block(2, 8)], at(1), 1000);
  expect(plan).toEqual({ added: [block(2, 8)], dropped: [block(0, 7)], blocks: made(block(1, 7), block(2, 8)) });
});

test("a block that was counted again takes the place of what it was, once", () => {
  const counted = [block(0, 7), block(1, 7), block(1, 9, 80), block(1, 8)];
  expect(planVersion(made(block(0, 7), block(1, 7)), counted, at(0), 1000)).toEqual({ added: [block(1, 9, 80)], dropped: [block(1, 7)], blocks: made(block(0, 7), block(1, 9)) });
});

test("what came and what went is taken up over several versions, the newest and the oldest first, and nothing twice", () => {
  const counted = Array.from({ length: 8 }, (_, i) => block(i, 1, 400));
  let before: ReadonlyMap<number, number> = made(...counted.slice(0, 4));
  const sizes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const plan = planVersion(before, counted, at(3), 1000);
    sizes.push(plan.added.length, plan.dropped.length);
    before = plan.blocks;
  }
  expect(sizes).toEqual([2, 2, 2, 1, 0, 0, 0, 0]);
  expect([...before.keys()].sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7].map(at));
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
