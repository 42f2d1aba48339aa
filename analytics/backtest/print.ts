import { columns } from "../../collector/kernel/columns.ts";
import { showable } from "../../collector/sql/terminal.ts";
import type { Backtest } from "./run.ts";
import type { DetectorScore, IncidentResult } from "./score.ts";

/** A backtest as lines for a terminal: the verdict, the detectors, the days, the incidents. */
export function backtestLines(test: Backtest): string[] {
  const { overall, failed } = test;
  const labelled = overall.labelled;
  const verdict = labelled === null ? "" : `; ${labelled.found} of ${labelled.incidents} labelled incidents found, precision ${share(labelled.precision)}`;
  return [
    `${iso(test.fromMs)} to ${iso(test.toMs)}: ${test.windows} windows of ${test.jobs.length} jobs, ${failed.length} failed; nothing was stored`,
    `${overall.findings} findings (${overall.perDay.toFixed(1)} a day) in ${overall.episodes} episodes, ${overall.repeats} repeats${verdict}`,
    ...failed.slice(0, 3).map((run) => showable(`  failed: ${run.job}, window to ${iso(run.windowEndMs)}: ${run.error.slice(0, 200)}`)),
    ...table("Detectors", ["detector", "findings", "a day", "episodes", "repeats", "incidents", "found", "missed", "precision"], test.detectors.map(detectorCells)),
    ...table("Days", ["day (UTC)", "detector", "findings", "repeats"], test.days.map((d) => [d.day, d.detector, String(d.findings), String(d.repeats)])),
    ...table("Labelled incidents", ["from", "to", "kind", "entity", "after", "finding"], test.incidents.map(incidentCells)),
  ];
}

function detectorCells(d: DetectorScore): string[] {
  const l = d.labelled;
  return [d.detector, String(d.findings), d.perDay.toFixed(1), String(d.episodes), String(d.repeats), ...(l === null ? ["-", "-", "-", "-"] : [String(l.incidents), String(l.found), String(l.missed), share(l.precision)])];
}

const incidentCells = (i: IncidentResult): string[] => [iso(i.fromMs), iso(i.toMs), i.kind, i.entity, i.delayMs === null ? "-" : `${Math.max(0, Math.round(i.delayMs / 60_000))} min`, i.findingId === null ? "missed" : i.title];

function table(title: string, heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return ["", `${title}:`, ...columns([heading, ...rows].map((row) => row.map(showable))).map((line) => `  ${line}`)];
}

const share = (value: number | null): string => (value === null ? "-" : value.toFixed(2));
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
