import { loadSql } from "../../../collector/store/sql-file.ts";
import { compose } from "../../findings/compose.ts";
import type { Contributor, Finding } from "../../findings/finding.ts";
import { readShares } from "../../findings/shares.ts";
import { figure } from "../../findings/title.ts";
import { groupAlike, ofWork, type WorkRow } from "../../findings/work.ts";
import type { Job, JobContext } from "../../schedule/job.ts";
import { judgeFlow, type Flows, type FlowThresholds } from "./score.ts";

export interface TaintFlowsConfig extends FlowThresholds {
  historyMs: number;
  /** How long before a call the result may have been read that its argument came from. */
  lookBackMs: number;
  latenessMs: number;
  /** From here on the text around a value counts as instructions. */
  instructionScore: number;
}

const stepMs = 300_000;
const version = "1";
/** Flows looked at in one window, and findings made of them. */
const most = 500;
const mostFindings = 20;

const flowsSql = loadSql(new URL("./taint-flows.sql", import.meta.url));
const evidenceSql = loadSql(new URL("./evidence.sql", import.meta.url));
const screenSql = loadSql(new URL("./screen.sql", import.meta.url));
const contributorsSql = loadSql(new URL("./contributors.sql", import.meta.url));

interface FlowRow extends WorkRow {
  source_server: string;
  source_tool: string;
  server: string;
  tool: string;
  path: string;
  instructed: number;
  actual: number;
  score: number;
  allowed: number;
  source_id: string;
  sink_id: string;
}

/** Calls that change or send something with an argument that came out of what a stranger may have written. */
export function taintFlows(config: TaintFlowsConfig): Job {
  return {
    name: "taint-flows",
    cron: "*/5 * * * *",
    stepMs,
    windowMs: stepMs,
    latenessMs: config.latenessMs,
    async run(context) {
      const { store, window, logger } = context;
      const rows = await store.query<FlowRow>(flowsSql, {
        lookback_from_ms: window.fromMs - config.lookBackMs,
        window_start_ms: window.fromMs,
        window_end_ms: window.toMs,
        instruction_score: config.instructionScore,
        most,
      });
      const alike = groupAlike(rows, (row) => JSON.stringify([row.class, row.source_server, row.source_tool, row.server, row.tool, row.path, row.instructed]));
      const strange = (await screen(context, config, alike)).sort((a, b) => b.row.instructed - a.row.instructed || b.score - a.score || b.row.score - a.row.score);
      // One piece of work, one finding: its strangest flow, which names how many others there are.
      const byWork = groupAlike(strange, ({ row }) => row.unit);
      if (byWork.length > mostFindings) logger.warn({ flows: byWork.length, kept: mostFindings }, "many taint flows at once");
      return { findings: await Promise.all(byWork.slice(0, mostFindings).map((one) => toFinding(context, config, one))) };
    },
  };
}

type Alike = FlowRow & { alike: number };

interface Strange {
  row: Alike;
  score: number;
  coldStart: boolean;
}

/** The flows that are strange for their class. All are looked up in one reading of the history, most of them being a routine. */
async function screen({ store, window }: JobContext, config: TaintFlowsConfig, rows: readonly Alike[]): Promise<Strange[]> {
  if (rows.length === 0) return [];
  const known = await store.query<{ flow: number; units: number; units_with: number }>(screenSql, {
    history_from_ms: window.fromMs - config.historyMs,
    window_start_ms: window.fromMs,
    instruction_score: config.instructionScore,
    units: rows.map((row) => row.unit),
    classes: rows.map((row) => row.class),
    source_servers: rows.map((row) => row.source_server),
    source_tools: rows.map((row) => row.source_tool),
    servers: rows.map((row) => row.server),
    tools: rows.map((row) => row.tool),
    paths: rows.map((row) => row.path),
    instructed: rows.map((row) => row.instructed),
  });
  return known.flatMap(({ flow, ...work }) => {
    const row = rows[flow - 1]!;
    const judged = judgeFlow(work, row.instructed === 1, config);
    return judged === undefined ? [] : [{ row, ...judged }];
  });
}

/** The whole figures of one flow: a finding's evidence. */
async function readFlows({ store, window }: JobContext, config: TaintFlowsConfig, row: FlowRow): Promise<{ flows: Flows; params: Record<string, string | number> }> {
  const params = {
    history_from_ms: window.fromMs - config.historyMs,
    window_start_ms: window.fromMs,
    window_end_ms: window.toMs,
    unit: row.unit,
    class: row.class,
    source_server: row.source_server,
    source_tool: row.source_tool,
    server: row.server,
    tool: row.tool,
    path: row.path,
    source_id: row.source_id,
    sink_id: row.sink_id,
    min_score: row.instructed === 1 ? config.instructionScore : 0,
  };
  const [flows] = await store.query<Flows>(evidenceSql, params);
  return { flows: flows ?? { actual: 0, expected: 0, expected_high: 0, units: 0, units_with: 0 }, params };
}

async function toFinding(context: JobContext, config: TaintFlowsConfig, found: Strange & { alike: number }): Promise<Finding> {
  const { store, window } = context;
  const { row } = found;
  const { flows, params } = await readFlows(context, config, row);
  const source = `${row.source_server}/${row.source_tool}`;
  const sink = `${row.server}/${row.tool}`;
  const historyFromMs = window.fromMs - config.historyMs;
  const shares = await readShares(store, contributorsSql, { history_from_ms: historyFromMs, window_start_ms: window.fromMs, window_end_ms: window.toMs, unit: row.unit, class: row.class, server: row.server, tool: row.tool, actual: flows.actual, expected: flows.expected });
  const from: Contributor = { dimension: "source", value: source, windowShare: 1, baselineShare: flows.units === 0 ? 0 : flows.units_with / flows.units, excessShare: 1 };
  return compose(context, {
    detector: "taint_flow",
    version,
    ...ofWork(row),
    server: row.server,
    tool: row.tool,
    windowStartMs: window.fromMs,
    windowEndMs: window.toMs,
    historyFromMs,
    severity: row.instructed === 1 && row.allowed === 1 ? "page" : "ticket",
    unsure: found.coldStart,
    score: found.score,
    unit: "values passed on",
    actual: flows.actual,
    expected: flows.expected,
    expectedLow: 0,
    expectedHigh: flows.expected_high,
    sampleSize: flows.units,
    metric: `Flow to ${sink}`.slice(0, 48),
    summary:
      `The argument ${row.path} of ${sink} (call ${row.sink_id}) came out of the result of ${source} (call ${row.source_id})` +
      `${row.instructed === 1 ? `, beside text that reads as instructions (${figure(row.score)})` : ", which a third party can write into"}. ` +
      `${row.allowed === 1 ? "The call was let through. " : "The call was not let through. "}` +
      `Of ${flows.units} pieces of work of this class that read ${source} before, ${flows.units_with} passed ${row.instructed === 1 ? "such a value" : "a value"} on to that argument.` +
      (found.alike > 0 ? ` ${found.alike} more unusual flows in this piece of work.` : "") +
      (row.alike > 0 ? ` ${row.alike} more of this class did the same in this window.` : "") +
      (found.coldStart ? " The class is hardly known: cold start." : ""),
    contributors: [from, ...shares],
    callIds: [row.source_id, row.sink_id],
    evidence: { sql: evidenceSql, params },
  });
}
