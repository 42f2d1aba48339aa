import { loadSql } from "../../../collector/store/sql-file.ts";
import { compose } from "../../findings/compose.ts";
import type { Finding } from "../../findings/finding.ts";
import { readShares } from "../../findings/shares.ts";
import { figure } from "../../findings/title.ts";
import { groupAlike, ofWork, type WorkRow } from "../../findings/work.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { judgeEscape, type Escapes, type ScopeThresholds } from "./score.ts";

export interface ScopeEscapeConfig extends ScopeThresholds {
  historyMs: number;
  graceMs: number;
  latenessMs: number;
}

const stepMs = 300_000;
const version = "1";
/** Escapes looked at in one window, and findings made of them. */
const most = 500;
const mostFindings = 20;

const escapesSql = loadSql(new URL("./scope-escape.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));

type How = "task_scope" | "task_class_not_approved" | "task_closed" | "task_expired" | "outside_scope" | "after_end";

interface EscapeRow extends WorkRow {
  server: string;
  tool: string;
  how: How;
  did: number;
  actual: number;
  first: string;
  latest: string;
}

const spoken: Readonly<Record<How, string>> = {
  task_scope: "tried to call what its task was not opened for",
  task_class_not_approved: "tried to call a server that is not approved for its class of tasks",
  task_closed: "tried to go on after its task was closed",
  task_expired: "tried to go on after its task had expired",
  outside_scope: "called what its task was not opened for, and was let through",
  after_end: "went on after its task had ended, and was let through",
};

/** Tasks that leave the scope that they were opened with, in servers, in tools, or in time. */
export function scopeEscape(config: ScopeEscapeConfig): Job {
  return {
    name: "scope-escape",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window, logger } = context;
      const rows = await store.query<EscapeRow>(escapesSql, { window_start_ms: window.fromMs, window_end_ms: window.toMs, grace_ms: config.graceMs, most });
      const alike = groupAlike(rows, (row) => JSON.stringify([row.class, row.server, row.tool, row.how]));
      if (alike.length > mostFindings) logger.warn({ escapes: alike.length, kept: mostFindings }, "many tasks outside their scope at once");
      const judged = await Promise.all(alike.slice(0, mostFindings).map((row) => toFinding(context, config, row)));
      const found = judged.filter((finding) => finding !== undefined);
      // One task, one finding: what it did weighs more than what it tried, and then the rarer.
      return { findings: found.filter((f) => !found.some((g) => g.findingId === f.findingId && weight(g) > weight(f))).filter((f, i, all) => all.findIndex((g) => g.findingId === f.findingId) === i) };
    },
  };
}

const weight = (f: Finding): number => (f.severity === "page" ? 1000 : 0) + f.score;

async function toFinding(context: JobContext, config: ScopeEscapeConfig, row: EscapeRow & { alike: number }): Promise<Finding | undefined> {
  const { store, window } = context;
  const { unit, server, tool, how } = row;
  const historyFromMs = window.fromMs - config.historyMs;
  const params = { history_from_ms: historyFromMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, unit, class: row.class, server, tool, how };
  const [escapes] = await store.query<Escapes>(evidenceSql, { ...params, grace_ms: config.graceMs });
  const did = row.did === 1;
  const judged = escapes && judgeEscape(escapes, did, config);
  if (!judged) return undefined;
  const { actual, expected, expected_high, units, units_with } = escapes;
  // A credential whose task is over says no longer whose it was.
  const work = row.some_agent === "" ? { ...ofWork(row), entityKind: "server" as const, entity: server } : ofWork(row);
  return compose(context, {
    detector: "scope_escape",
    version,
    ...work,
    server,
    tool,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    historyFromMs,
    severity: did ? "page" : "ticket",
    unsure: judged.coldStart && !did,
    score: judged.score,
    unit: "calls outside the scope",
    actual,
    expected,
    expectedLow: 0,
    expectedHigh: expected_high,
    sampleSize: units,
    metric: "Out of scope",
    summary:
      `${row.some_agent === "" ? "Somebody" : `The ${work.entityKind} of ${row.some_agent}`} ${spoken[how]}: ${server}${tool === "" ? "" : `/${tool}`}, ${figure(actual)} times. ` +
      `Of ${units} pieces of work of this class before, ${units_with} did the same.` +
      (row.alike > 0 ? ` ${row.alike} more of this class did so in this window.` : "") +
      (judged.coldStart ? " The class is hardly known: cold start." : ""),
    contributors: await readShares(store, contributorsSql, { ...params, actual, expected }),
    callIds: [row.first, row.latest],
    evidence: { sql: evidenceSql, params: { ...params, grace_ms: config.graceMs } },
  });
}
