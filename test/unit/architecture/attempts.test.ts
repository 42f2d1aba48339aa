import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");

/** Queries that count rows of `calls`, and why these are not sums of `attempts`. */
const ofRecords: Readonly<Record<string, string>> = {
  "analytics/jobs/latency-drift/contributors.sql": "only of forwarded calls, which have a record each",
  "analytics/jobs/latency-drift/evidence.sql": "only of forwarded calls",
  "analytics/jobs/latency-drift/latency-drift.sql": "only of forwarded calls",
  "analytics/jobs/sequence-gaps/arrivals.sql": "how late records are",
  "analytics/jobs/sequence-gaps/duplicates.sql": "records that are stored twice",
  "analytics/jobs/sequence-gaps/sequence-gaps.sql": "numbers of records",
  "analytics/jobs/sequence-model/counts.sql": "a storm is one step of its task",
  "analytics/jobs/taint-flows/contributors.sql": "values in arguments, however often the call was tried",
  "analytics/jobs/taint-flows/evidence.sql": "values in arguments",
  "analytics/jobs/taint-flows/taint-flows.sql": "values in arguments",
  "analytics/jobs/unusual-sequences/contributors.sql": "a storm is one step of its task",
  "analytics/jobs/unusual-sequences/evidence.sql": "a storm is one step of its task",
  "analytics/jobs/unusual-sequences/sequences.sql": "a storm is one step of its task",
  "analytics/jobs/volume/examples.sql": "whether there is a call at all",
  "analytics/metrics/parts/high-risk-exception-rate.sql": "only what was refused is ever many in one, and this counts what was allowed",
  "analytics/metrics/parts/time-to-investigate.sql": "its calls are evidence of incidents, which are what is counted",
  "analytics/metrics/high-risk-exception-rate.sql": "only of allowed calls",
  "collector/audit/verify-imported.sql": "imported calls, which have a row each",
  "collector/import/spans-to-calls.sql": "spans",
};

test("a query that counts calls sums their attempts, or is known to be about records", () => {
  const files = ["collector", "proxy", "analytics", "alerts", "dashboards"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && e.name.endsWith(".sql") && !/node_modules|migrations/.test(e.parentPath))
      .map((e) => relative(root, join(e.parentPath, e.name))),
  );
  const counting = files.filter((file) => {
    const text = readFileSync(join(root, file), "utf8").replace(/^--.*$/gm, "");
    return /\b(FROM|JOIN) calls\b(?!_)/.test(text) && /\bcount(If)?\(/.test(text) && !/\battempts\b/.test(text);
  });
  expect(counting.sort()).toEqual(Object.keys(ofRecords).sort());
});
