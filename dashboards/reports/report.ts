import { z } from "zod";

const point = z.object({ endMs: z.int(), value: z.number(), denominator: z.number() });

/** One of the numbers, with everything that its card and its footnote say. `value` is null where nothing can be said. */
export const reportMetricSchema = z.object({
  id: z.string(),
  title: z.string(),
  unit: z.enum(["percent", "minutes"]),
  better: z.enum(["up", "down"]),
  value: z.number().nullable(),
  numerator: z.number(),
  denominator: z.number(),
  target: z.number(),
  status: z.enum(["on target", "off target", "no data"]),
  previous: z.number().nullable(),
  previousDenominator: z.number(),
  history: z.array(point),
  definition: z.string(),
  definitionVersion: z.string(),
  sqlSha256: z.string(),
  offendersTitle: z.string(),
  action: z.string(),
  /** The names behind the number, worst first. */
  offenders: z.array(z.object({ name: z.string(), detail: z.string(), owner: z.string(), weight: z.number(), link: z.string() })),
  /** As many again that are not listed. */
  moreOffenders: z.int().nonnegative(),
});

/** The numbers of each team, server or environment, in the order of `metrics`; the name is empty where there is none. */
export const reportPartSchema = z.object({
  dimension: z.enum(["team", "server", "environment"]),
  rows: z.array(
    z.object({
      name: z.string(),
      /** So few calls that its shares say little. */
      few: z.boolean(),
      cells: z.array(
        z.object({ metric: z.string(), value: z.number().nullable(), numerator: z.number(), denominator: z.number(), previous: z.number().nullable(), previousDenominator: z.number(), history: z.array(point) }),
      ),
    }),
  ),
  more: z.int().nonnegative(),
});

/** One frozen model. Every format renders this and nothing else, so a report shows the same numbers for ever. */
export const reportSchema = z.object({
  id: z.string(),
  definitionVersion: z.int(),
  title: z.string(),
  from: z.string(),
  to: z.string(),
  timeZone: z.string(),
  /** The period in words, in that zone, with its offset. */
  period: z.string(),
  asOf: z.string(),
  metrics: z.array(reportMetricSchema),
  /** None in reports that were frozen before numbers were taken apart. */
  parts: z.array(reportPartSchema).default([]),
  changes: z.array(z.string()),
  incidents: z.object({ opened: z.int(), open: z.int(), resolved: z.int() }),
  coverage: z.object({ calls: z.int(), missingRecords: z.int(), newestCall: z.string() }),
});

export type Report = z.infer<typeof reportSchema>;
export type ReportPart = z.infer<typeof reportPartSchema>;
export type ReportMetric = z.infer<typeof reportMetricSchema>;
