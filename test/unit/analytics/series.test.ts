import { expect, test } from "vitest";
import { createLatencyScorer } from "../../../analytics/jobs/latency-drift/score.ts";
import { createSeriesScorer, selfCalibrated, withCooldown, type SeriesScorer } from "../../../analytics/score/series.ts";
import { randomFrom } from "../../support/random.ts";
import { normal } from "./support.ts";

const step = 300_000;
const startMs = Date.UTC(2026, 0, 5);

function run(scorer: SeriesScorer, values: readonly number[]): number[] {
  return values.map((value, i) => scorer(startMs + i * step, value));
}

/** Level 100 with noise of 5 and a daily swing of 20. */
function ordinary(seed: number, length: number): number[] {
  const random = randomFrom(seed);
  return Array.from({ length }, (_, i) => 100 + 20 * Math.sin((2 * Math.PI * i) / 288) + 5 * normal(random));
}

test("a value far out scores far higher than anything in two quiet weeks", () => {
  const values = ordinary(1, 4032);
  values[4000] = 400;
  const scores = run(createSeriesScorer(), values);
  expect(scores[4000]).toBeGreaterThan(3);
  expect(Math.max(...scores.slice(1000, 4000))).toBeLessThan(1.5);
});

test("one disturbance is said once", () => {
  const scores = run(withCooldown((_, value) => value, 3), [1, 5, 4, 5, 2, 1, 1, 6]);
  expect(scores).toEqual([1, 5, 0, 0, 0, 0, 0, 6]);
});

test("the same size of jump means the same in a calm series and, once that has seen worse, less", () => {
  const calibrated = selfCalibrated((_, value) => value, 1);
  expect(run(calibrated, [0.2, 4, 4])).toEqual([0.2, 4, expect.closeTo(1, 3)]);
});

test("a flat series that changes gives a finite score", () => {
  const scores = run(createSeriesScorer(), [...new Array<number>(700).fill(10), 11, 10, 10]);
  expect(scores.every(Number.isFinite)).toBe(true);
  expect(scores[700]).toBeGreaterThan(0);
});

test("latency that steps up by half is found within 40 answers, and one that falls is not", () => {
  const random = randomFrom(2);
  const noise = Array.from({ length: 2500 }, () => 20 * Math.exp(0.3 * normal(random)));
  const rising = run(createLatencyScorer(), noise.map((v, i) => (i < 2200 ? v : v * 1.5)));
  expect(Math.max(...rising.slice(1200, 2200))).toBeLessThan(1);
  expect(Math.max(...rising.slice(2200, 2240))).toBeGreaterThan(1.5);
  const falling = run(createLatencyScorer(), noise.map((v, i) => (i < 2200 ? v : v / 1.5)));
  expect(Math.max(...falling.slice(2200))).toBeLessThan(1);
});

test("a row's score doesn't depend on what comes after it", () => {
  const values = ordinary(3, 1500);
  for (const make of [createSeriesScorer, createLatencyScorer]) {
    expect(run(make(), values).slice(0, 1000)).toEqual(run(make(), values.slice(0, 1000)));
  }
});
