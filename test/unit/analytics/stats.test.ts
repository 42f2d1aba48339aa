import { expect, test } from "vitest";
import { SortedWindow } from "../../../analytics/score/sorted-window.ts";
import { betaBinomialTail, falseDiscoveryRates, logGamma, normalTail, quantileSorted } from "../../../analytics/score/stats.ts";
import { randomFrom } from "../../support/random.ts";

test("quantiles lie between neighbours, and there is none of nothing", () => {
  expect(quantileSorted([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(quantileSorted([7], 0.9)).toBe(7);
  expect(quantileSorted([], 0.5)).toBeNaN();
});

test("the normal tail agrees with its table, far out too", () => {
  expect(normalTail(0)).toBeCloseTo(0.5, 7);
  expect(normalTail(1.959964)).toBeCloseTo(0.025, 6);
  expect(normalTail(-1.959964)).toBeCloseTo(0.975, 6);
  expect(normalTail(6) / 9.8659e-10).toBeCloseTo(1, 3);
});

test("a beta-binomial tail is the sum of its probabilities", () => {
  const [n, alpha, beta] = [12, 0.7, 9];
  const probability = (k: number): number =>
    Math.exp(
      logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1) +
      logGamma(k + alpha) + logGamma(n - k + beta) - logGamma(n + alpha + beta) +
      logGamma(alpha + beta) - logGamma(alpha) - logGamma(beta),
    );
  for (let d = 1; d <= n; d++) {
    let sum = 0;
    for (let k = d; k <= n; k++) sum += probability(k);
    expect(betaBinomialTail(d, n, alpha, beta)).toBeCloseTo(sum, 10);
  }
  expect(betaBinomialTail(0, n, alpha, beta)).toBe(1);
  expect(betaBinomialTail(n + 1, n, alpha, beta)).toBe(0);
});

test("false discovery rates are those of Benjamini and Hochberg, in the order of the p-values", () => {
  const rates = falseDiscoveryRates([0.04, 0.001, 0.03, 0.5]);
  expect(rates.map((q) => Number(q.toFixed(4)))).toEqual([0.0533, 0.004, 0.0533, 0.5]);
  expect(falseDiscoveryRates([])).toEqual([]);
});

test("a sorted window holds the newest values whatever their order and repeats", () => {
  const random = randomFrom(7);
  const window = new SortedWindow(50);
  const all: number[] = [];
  for (let i = 0; i < 400; i++) {
    const value = Math.floor(random() * 20);
    all.push(value);
    window.add(value);
    const newest = all.slice(-50).sort((a, b) => a - b);
    expect(window.size).toBe(newest.length);
    expect(window.quantile(0.5)).toBe(quantileSorted(newest, 0.5));
    expect(window.countBelow(10)).toBe(newest.filter((v) => v < 10).length);
    expect(window.countUpTo(10)).toBe(newest.filter((v) => v <= 10).length);
  }
});
