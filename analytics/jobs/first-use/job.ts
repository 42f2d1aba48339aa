import { loadSql } from "../../../collector/store/sql-file.ts";
import { compose } from "../../findings/compose.ts";
import type { Contributor, Finding } from "../../findings/finding.ts";
import { figure } from "../../findings/title.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { judgeNovelty, spokenUse, type FirstUse, type FirstUseThresholds, type Judged, type Novelty } from "./score.ts";

export interface FirstUseConfig extends FirstUseThresholds {
  /** An entity's first days, in which everything is new. */
  coldMs: number;
  latenessMs: number;
}

const stepMs = 300_000;
const dayMs = 86_400_000;
const version = "1";

const usesSql = loadSql(new URL("./first-use.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));

interface UsesRow {
  entity_kind: Novelty["entityKind"];
  entity: string;
  uses: [atMs: string, kind: FirstUse["kind"], value: string][];
  before: number;
  days: number;
}

/**
 * Agents that for the first time call a server of high risk or change something, and classes of tasks that for the first
 * time touch a data domain. One finding an entity and day, which grows with what is new that day.
 */
export function firstUse(config: FirstUseConfig): Job {
  return {
    name: "first-use",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window } = context;
      const dayStartMs = Math.floor(window.fromMs / dayMs) * dayMs;
      const rows = await store.query<UsesRow>(usesSql, { day_start_ms: dayStartMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, cold_ms: config.coldMs });
      const all = rows.map((row): Novelty => ({
        entityKind: row.entity_kind,
        entity: row.entity,
        uses: row.uses.map(([atMs, kind, value]) => ({ atMs: Number(atMs), kind, value })),
        before: row.before,
        days: row.days,
      }));
      return { findings: await Promise.all(judgeNovelty(all, config).map((judged) => toFinding(context, config, judged, dayStartMs))) };
    },
  };
}

async function toFinding(context: JobContext, config: FirstUseConfig, judged: Judged, dayStartMs: number): Promise<Finding> {
  const { store, window } = context;
  const { entityKind, entity, uses, expected } = judged;
  const of = entityKind === "agent" ? { agent: entity, task_class: "" } : { agent: "", task_class: entity };
  const rows = await store.query<{ dimension: string; value: string; window_share: number; first_id: string; last_id: string }>(contributorsSql, {
    ...of,
    day_start_ms: dayStartMs,
    window_end_ms: window.toMs,
    kinds: uses.map((use) => use.kind),
    values: uses.map((use) => use.value),
  });
  const high = uses.some((use) => use.kind === "high_tier_server") && uses.some((use) => use.kind === "effect");
  return compose(context, {
    detector: "first_use",
    version,
    entityKind,
    entity,
    agent: of.agent,
    taskClass: of.task_class,
    windowStartMs: dayStartMs,
    windowEndMs: window.toMs,
    identity: { startMs: dayStartMs, endMs: dayStartMs + dayMs },
    historyFromMs: dayStartMs - config.coldMs,
    severity: high ? "page" : "ticket",
    unsure: false,
    score: judged.score,
    unit: "first uses",
    actual: uses.length,
    expected,
    expectedLow: 0,
    expectedHigh: expected + 3 * Math.sqrt(expected),
    sampleSize: Math.round(judged.days),
    metric: "First uses",
    summary:
      `For the first time: ${uses.slice(0, 8).map(spokenUse).join("; ")}${uses.length > 8 ? `; and ${uses.length - 8} more` : ""}. ` +
      `In ${figure(judged.days)} days after its cold start of ${figure(config.coldMs / dayMs)} days it did ${judged.before} other such things for the first time.`,
    contributors: rows.map((row): Contributor => ({ dimension: row.dimension, value: row.value, windowShare: row.window_share, baselineShare: 0, excessShare: row.window_share })),
    callIds: rows.flatMap((row) => [row.first_id, row.last_id]),
    evidence: { sql: evidenceSql, params: { entity_kind: entityKind, entity, day_start_ms: dayStartMs, window_end_ms: window.toMs, cold_ms: config.coldMs } },
  });
}
