import { afterEach, expect, test } from "vitest";
import { createWokenLoop, type WokenLoop, type WokenLoopOptions } from "../../../collector/kernel/woken-loop.ts";
import { waitFor } from "../../support/wait.ts";

let loop: WokenLoop;
afterEach(() => loop.end());

/** A loop whose turns are let go by hand. */
function gated(failed: WokenLoopOptions["failed"] = () => 0) {
  const open: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let begun = 0;
  loop = createWokenLoop({
    turn() {
      begun++;
      return new Promise<void>((resolve, reject) => open.push({ resolve, reject }));
    },
    failed,
  });
  return { open, begun: () => begun, next: (n: number) => waitFor(`turn ${n}`, () => begun >= n, { everyMs: 1 }) };
}

test("sleeps until it is woken, and runs once for what woke it before it began", async () => {
  const { open, begun, next } = gated();
  await loop.settled();
  expect(begun()).toBe(0);
  loop.wake();
  await next(1);
  open[0]!.resolve();
  await loop.settled();
  expect(begun()).toBe(1);
});

test("woken during a turn, however often, it has one more turn behind it and never two at once", async () => {
  const { open, begun, next } = gated();
  loop.wake();
  await next(1);
  loop.wake();
  loop.wake();
  await Promise.resolve();
  expect(begun()).toBe(1);
  open[0]!.resolve();
  await next(2);
  open[1]!.resolve();
  await loop.settled();
  expect(begun()).toBe(2);
});

test("a turn that wakes its own loop is not begun a second time meanwhile", async () => {
  let atOnce = 0;
  let most = 0;
  let turns = 0;
  loop = createWokenLoop({
    async turn() {
      most = Math.max(most, ++atOnce);
      if (++turns < 3) loop.wake();
      await Promise.resolve();
      atOnce--;
    },
    failed: () => 0,
  });
  loop.wake();
  await loop.settled();
  expect({ turns, most }).toEqual({ turns: 3, most: 1 });
});

test("counts the failures in a row, tries again by itself after the wait, and counts anew after a success", async () => {
  const counts: number[] = [];
  const { open, next } = gated((error, failures) => {
    expect(error).toEqual(new Error("away"));
    counts.push(failures);
    return 1;
  });
  loop.wake();
  for (const n of [1, 2]) {
    await next(n);
    open[n - 1]!.reject(new Error("away"));
  }
  await next(3);
  open[2]!.resolve();
  await loop.settled();
  loop.wake();
  await next(4);
  open[3]!.reject(new Error("away"));
  await loop.settled();
  expect(counts).toEqual([1, 2, 1]);
});

test("is settled when a turn failed, and being woken ends the wait", async () => {
  const { open, begun, next } = gated(() => 1e9);
  loop.wake();
  await next(1);
  open[0]!.reject(new Error("away"));
  await loop.settled();
  expect(begun()).toBe(1);
  loop.wake();
  await next(2);
  open[1]!.resolve();
  await loop.settled();
});

test("once ended it has no more turns: not by being woken, not behind a turn, not after a failure", async () => {
  const { open, begun, next } = gated();
  loop.wake();
  await next(1);
  loop.wake();
  loop.end();
  loop.end();
  expect(loop.ended).toBe(true);
  open[0]!.reject(new Error("away"));
  await loop.settled();
  loop.wake();
  await loop.settled();
  expect(begun()).toBe(1);
});

test("is woken in a while, by the first of several waits", async () => {
  const { open, begun, next } = gated();
  loop.wakeIn(1);
  loop.wakeIn(3_600_000);
  expect(begun()).toBe(0);
  await next(1);
  open[0]!.resolve();
  await loop.settled();
  loop.wakeIn(1);
  await next(2);
  open[1]!.resolve();
});
