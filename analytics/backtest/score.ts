import type { Finding } from "../findings/finding.ts";
import type { Incident } from "./labels.ts";

/** A finding about the same within an hour of the last one's window says nothing new: an alert would be firing already. */
const QUIET_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface DayCount {
  readonly day: string;
  readonly detector: string;
  readonly findings: number;
  readonly repeats: number;
}

export interface DetectorScore {
  readonly detector: string;
  readonly findings: number;
  /** Findings that go on about what an earlier one said. */
  readonly repeats: number;
  /** Runs of findings about the same; what a person is told of. */
  readonly episodes: number;
  readonly perDay: number;
  /** Null where there are no labels. */
  readonly labelled: LabelledScore | null;
}

export interface LabelledScore {
  readonly incidents: number;
  readonly found: number;
  readonly missed: number;
  /** Episodes that are about a labelled incident, of all; null where there are none. */
  readonly trueEpisodes: number;
  readonly precision: number | null;
}

export interface IncidentResult extends Incident {
  /** The finding that came first; null where it was missed. */
  readonly findingId: string | null;
  readonly title: string;
  /** From the incident's start to the end of the window that found it. */
  readonly delayMs: number | null;
}

export interface BacktestScore {
  readonly days: readonly DayCount[];
  readonly detectors: readonly DetectorScore[];
  readonly overall: DetectorScore;
  readonly incidents: readonly IncidentResult[];
}

interface Episode {
  readonly detector: string;
  readonly findings: Finding[];
}

/**
 * Findings against what people know happened. Pure. `incidents` null means that nobody labelled the range; a labelled one
 * is taken to be labelled whole, so that an episode about no incident is a false one.
 */
export function scoreBacktest(findings: readonly Finding[], incidents: readonly Incident[] | null, range: { fromMs: number; toMs: number }): BacktestScore {
  const ordered = [...findings].sort((a, b) => a.windowEndMs - b.windowEndMs || a.findingId.localeCompare(b.findingId));
  const episodes = toEpisodes(ordered);
  const inRange = incidents?.filter((i) => i.toMs > range.fromMs && i.fromMs < range.toMs) ?? null;
  const days = (range.toMs - range.fromMs) / DAY_MS;
  const names = [...new Set([...ordered.map((f) => f.detector), ...(inRange ?? []).map((i) => i.kind)])].sort();
  return {
    days: byDay(episodes),
    detectors: names.map((name) => scoreOf(name, episodes.filter((e) => e.detector === name), inRange?.filter((i) => i.kind === name) ?? null, days)),
    overall: scoreOf("all", episodes, inRange, days),
    incidents: (inRange ?? []).map((incident) => resultOf(incident, ordered)),
  };
}

function toEpisodes(ordered: readonly Finding[]): Episode[] {
  const open = new Map<string, { episode: Episode; untilMs: number }>();
  const episodes: Episode[] = [];
  for (const finding of ordered) {
    const key = JSON.stringify([finding.detector, finding.entityKind, finding.entity]);
    const last = open.get(key);
    if (last !== undefined && finding.windowStartMs <= last.untilMs + QUIET_MS) {
      last.episode.findings.push(finding);
      last.untilMs = Math.max(last.untilMs, finding.windowEndMs);
    } else {
      const episode = { detector: finding.detector, findings: [finding] };
      episodes.push(episode);
      open.set(key, { episode, untilMs: finding.windowEndMs });
    }
  }
  return episodes;
}

function byDay(episodes: readonly Episode[]): DayCount[] {
  const counts = new Map<string, { day: string; detector: string; findings: number; repeats: number }>();
  for (const { detector, findings } of episodes) {
    findings.forEach((finding, i) => {
      // A window that ends at midnight is about the day before it.
      const day = new Date(finding.windowEndMs - 1).toISOString().slice(0, 10);
      const count = counts.get(`${day} ${detector}`) ?? { day, detector, findings: 0, repeats: 0 };
      count.findings += 1;
      if (i > 0) count.repeats += 1;
      counts.set(`${day} ${detector}`, count);
    });
  }
  return [...counts.values()].sort((a, b) => a.day.localeCompare(b.day) || a.detector.localeCompare(b.detector));
}

function scoreOf(detector: string, episodes: readonly Episode[], incidents: readonly Incident[] | null, days: number): DetectorScore {
  const findings = episodes.reduce((sum, e) => sum + e.findings.length, 0);
  return {
    detector,
    findings,
    repeats: findings - episodes.length,
    episodes: episodes.length,
    perDay: days > 0 ? findings / days : 0,
    labelled: incidents === null ? null : labelledScore(episodes, incidents),
  };
}

function labelledScore(episodes: readonly Episode[], incidents: readonly Incident[]): LabelledScore {
  const trueEpisodes = episodes.filter((e) => e.findings.some((f) => incidents.some((i) => isAbout(f, i)))).length;
  const found = incidents.filter((i) => episodes.some((e) => e.findings.some((f) => isAbout(f, i)))).length;
  return {
    incidents: incidents.length,
    found,
    missed: incidents.length - found,
    trueEpisodes,
    precision: episodes.length === 0 ? null : trueEpisodes / episodes.length,
  };
}

function resultOf(incident: Incident, ordered: readonly Finding[]): IncidentResult {
  const first = ordered.find((finding) => isAbout(finding, incident));
  return {
    ...incident,
    findingId: first?.findingId ?? null,
    title: first?.title ?? "",
    delayMs: first === undefined ? null : first.windowEndMs - incident.fromMs,
  };
}

/** The same kind, in windows that overlap, about the same: a label may name a tool, its server or the agent. */
export function isAbout(finding: Finding, incident: Incident): boolean {
  if (finding.detector !== incident.kind) return false;
  if (finding.windowEndMs <= incident.fromMs || finding.windowStartMs >= incident.toMs) return false;
  const tool = finding.tool === "" ? "" : `${finding.server}/${finding.tool}`;
  return [finding.entity, finding.server, tool, finding.agent, finding.taskClass].includes(incident.entity);
}
