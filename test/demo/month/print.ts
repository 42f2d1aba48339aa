import { columns } from "../../../collector/kernel/columns.ts";
import { figure } from "../../../analytics/findings/title.ts";
import type { Checked, IncidentVerdict, Verdict } from "./judge.ts";

/** The verdict as lines for a terminal: the incidents, what was said of nothing, the totals. */
export function verdictLines(verdict: Verdict): string[] {
  const { incidents, checked, score, judged, failed } = verdict;
  const wrong = checked.filter((c) => !c.reproduced);
  const strays = checked.filter((c) => !c.true);
  return [
    "Planted incidents:",
    ...columns([["day", "incident", "entity", "found by", "after", "actual", "expected", "its SQL gives", "findings"], ...incidents.map(incidentCells)]).map((line) => `  ${line}`),
    "",
    `Findings of nothing that was planted: ${strays.length}, ${verdict.falsePerDay.toFixed(2)} a day`,
    ...judged.map((j) => `  ${j.falseFindings} in ${j.days.toFixed(1)} days of the ${j.what}`),
    ...strays.slice(0, 20).map(({ finding }) => `  ${new Date(finding.windowEndMs).toISOString().slice(0, 16)}  ${finding.detector}  ${finding.title}`),
    "",
    `${score.overall.findings} findings in ${score.overall.episodes} episodes, ${score.overall.repeats} repeats; precision ${(score.overall.labelled?.precision ?? 0).toFixed(2)}`,
    ...columns([["detector", "findings", "episodes", "repeats"], ...score.detectors.filter((d) => d.findings > 0).map((d) => [d.detector, String(d.findings), String(d.episodes), String(d.repeats)])]).map((line) => `  ${line}`),
    "",
    `${incidents.filter((i) => i.found).length} of ${incidents.length} incidents found; the SQL of ${checked.length - wrong.length} of ${checked.length} findings gives the numbers that they state; ${verdict.windows} windows, ${failed.length} failed`,
    ...wrong.slice(0, 10).map(({ finding, evidence }) => `  not reproduced: ${finding.title}: ${evidence ? `${evidence.actual} vs ${evidence.expected}` : "no row"}, stated ${finding.actual} vs ${finding.expected}`),
    ...failed.slice(0, 3).map((run) => `  failed: ${run.job}, window to ${new Date(run.window.toMs).toISOString()}: ${run.error}`),
  ];
}

function incidentCells({ planted, found, afterMs, findings }: IncidentVerdict): string[] {
  const { label, name } = planted;
  const head = [new Date(label.fromMs).toISOString().slice(5, 16).replace("T", " "), name, label.entity];
  if (found === null) return [...head, "MISSED", "-", "-", "-", "-", String(findings)];
  const { actual, expected, detector } = found.finding;
  return [...head, detector, `${Math.round((afterMs ?? 0) / 60_000)} min`, figure(actual), figure(expected), sqlGives(found), String(findings)];
}

const sqlGives = ({ reproduced, evidence }: Checked): string => (reproduced ? "the same" : evidence ? `${figure(evidence.actual)} vs ${figure(evidence.expected)}` : "nothing");

/** The same for programs. */
export function verdictJson(verdict: Verdict): object {
  const { incidents, checked, score, judged, falsePerDay, windows, failed, passed } = verdict;
  const told = ({ finding, evidence, reproduced }: Checked): object => {
    const { findingId, detector, entity, title, actual, expected } = finding;
    return { findingId, detector, entity, title, windowEnd: new Date(finding.windowEndMs).toISOString(), actual, expected, evidence, reproduced };
  };
  return {
    passed,
    windows,
    failed: failed.length,
    falsePerDay,
    judged,
    repeats: score.overall.repeats,
    incidents: incidents.map(({ planted, found, afterMs, findings }) => ({
      name: planted.name,
      kind: planted.label.kind,
      entity: planted.label.entity,
      from: new Date(planted.label.fromMs).toISOString(),
      to: new Date(planted.label.toMs).toISOString(),
      afterMs,
      findings,
      found: found && told(found),
    })),
    false: checked.filter((c) => !c.true).map(told),
    notReproduced: checked.filter((c) => !c.reproduced).map(told),
    detectors: score.detectors,
  };
}
