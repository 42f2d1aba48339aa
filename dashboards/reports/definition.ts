import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { metricDefinitions } from "../../analytics/index.ts";

const shownMetricSchema = z.strictObject({
  id: z.enum(metricDefinitions.map((d) => d.id) as [string, ...string[]]),
  short: z.string(),
  better: z.enum(["up", "down"]),
  target: z.number(),
  offenders: z.string(),
  action: z.string(),
});

const reportDefinitionSchema = z.strictObject({
  id: z.string(),
  version: z.int().positive(),
  title: z.string(),
  metrics: z.array(shownMetricSchema).min(1),
});

/** How a number is shown, with what it means. */
export interface MetricDefinition extends z.infer<typeof shownMetricSchema> {
  readonly title: string;
  readonly unit: "percent" | "minutes";
  readonly definition: string;
  readonly version: string;
  readonly sqlSha256: string;
}

export interface ReportDefinition extends Omit<z.infer<typeof reportDefinitionSchema>, "metrics"> {
  readonly metrics: readonly MetricDefinition[];
}

const cache = new Map<string, ReportDefinition>();

export function loadDefinition(name: "leadership"): ReportDefinition {
  const known = cache.get(name);
  if (known) return known;
  const parsed = reportDefinitionSchema.parse(parse(readFileSync(new URL(`./definitions/${name}.yaml`, import.meta.url), "utf8")));
  const metrics = parsed.metrics.map((shown) => {
    const d = metricDefinitions.find((one) => one.id === shown.id)!;
    return { ...shown, title: d.title, unit: d.unit === "minutes" ? ("minutes" as const) : ("percent" as const), definition: d.text, version: d.version, sqlSha256: d.sqlSha256 };
  });
  const definition = { ...parsed, metrics };
  cache.set(name, definition);
  return definition;
}
