import { z } from "zod";

const instant = z.union([z.string(), z.number()]).transform((v, ctx) => {
  const ms = typeof v === "number" || /^\d+$/.test(v) ? Number(v) : Date.parse(v);
  if (!Number.isFinite(ms)) {
    ctx.addIssue("not a time");
    return z.NEVER;
  }
  return ms;
});

const day = 24 * 3600_000;

/** `from` and `to` of a request, half-open; the last hour when neither is given. At most 400 days. */
const rangeSchema = z.object({ from: instant.optional(), to: instant.optional() });

export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

export function readRange(query: unknown, nowMs: number, defaultMs = 3600_000): Range {
  const parsed = rangeSchema.parse(query);
  const toMs = Math.floor(parsed.to ?? nowMs);
  const fromMs = Math.max(Math.floor(parsed.from ?? toMs - defaultMs), toMs - 400 * day);
  if (fromMs >= toMs) throw new z.ZodError([{ code: "custom", path: ["from"], message: "must lie before to", input: query }]);
  return { fromMs, toMs };
}

const steps = [60, 300, 600, 1800, 3600, 10_800, 21_600, 86_400] as const;

/** Seconds a step, so that a chart has at most some 240 of them. */
export function stepSeconds(range: Range): number {
  const wanted = (range.toMs - range.fromMs) / 1000 / 240;
  return steps.find((s) => s >= wanted) ?? 86_400;
}

const firstWindowMs = 3600_000;
const windowGrowth = 6;

/**
 * The range in pieces, newest first, each longer than the one before it: what asks for the newest of something reads no
 * more than it must, and twice as much at worst.
 */
export function newestFirst(range: Range): Range[] {
  const windows: Range[] = [];
  let length = firstWindowMs;
  for (let toMs = range.toMs; toMs > range.fromMs; length *= windowGrowth) {
    const fromMs = Math.max(range.fromMs, toMs - length);
    windows.push({ fromMs, toMs });
    toMs = fromMs;
  }
  return windows;
}
