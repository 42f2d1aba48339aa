import { expect, it } from "vitest";
import { InPlace } from "../../../collector/audit/in-place.ts";

it("waits elsewhere until it is known that the disk is quick", () => {
  const inPlace = new InPlace();
  expect(inPlace.allows(900, 1000)).toBe(false);
  inPlace.wrote(1000, 1000.3);
  expect(inPlace.allows(900, 1010)).toBe(true);
});

it("waits elsewhere for a slow disk, until that is quick again", () => {
  const inPlace = new InPlace();
  inPlace.wrote(1000, 1001.5);
  expect(inPlace.allows(900, 9000)).toBe(false);
  inPlace.wrote(9000, 9000.4);
  expect(inPlace.allows(900, 9100)).toBe(true);
});

it("keeps the thread for at most a fifth of its time", () => {
  const inPlace = new InPlace();
  const tookMs = 0.25;
  let nowMs = 0;
  let kept = 0;
  inPlace.wrote(0, tookMs);
  for (; nowMs < 1000; nowMs += 0.125) {
    if (!inPlace.allows(900, nowMs)) continue;
    inPlace.wrote(nowMs, nowMs + tookMs);
    kept += tookMs;
  }
  expect(kept).toBeGreaterThan(190);
  expect(kept).toBeLessThanOrEqual(200);
});

it("takes one record, and hands more than that to others", () => {
  const inPlace = new InPlace();
  inPlace.wrote(0, 0.2);
  expect(inPlace.allows(2 * 4096, 1000)).toBe(true);
  expect(inPlace.allows(3 * 4096, 1000)).toBe(false);
});
