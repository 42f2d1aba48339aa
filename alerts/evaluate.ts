import type { Finding } from "../analytics/findings/finding.ts";
import { alertId, fingerprint } from "./dedup.ts";
import type { Alert } from "./alert.ts";
import type { Rule } from "./rule.ts";
import { afterEvaluation, type AlertState } from "./state.ts";

/** The latest episode of one fingerprint, as the store has it. */
export interface CurrentAlert {
  readonly alertId: string;
  readonly fingerprint: string;
  readonly ruleId: string;
  readonly state: AlertState;
  readonly startsAtMs: number;
  readonly updatedAtMs: number;
  /** End of the last window that the ended episode used; a later episode starts after it. */
  readonly throughMs: number;
  readonly silencedUntilMs: number | null;
  readonly acknowledged: boolean;
  readonly alert: Alert | null;
}

export interface Decided {
  readonly rule: Rule;
  readonly fingerprint: string;
  readonly alertId: string;
  readonly from: AlertState;
  readonly to: AlertState;
  readonly reason: string;
  readonly startsAtMs: number;
  readonly throughMs: number;
  /** The breach that the alert is about: the newest one, or null where the alert's own content stays. */
  readonly finding: Finding | null;
  readonly previous: CurrentAlert | null;
}

export interface Evaluation {
  readonly decided: readonly Decided[];
  /** Alerts that were not opened because the rule has too many active ones. */
  readonly overCap: number;
}

/**
 * One rule over the windows that its detector has evaluated. Pure: the same rows give the same decisions, so a tick may
 * run twice, after a restart too. A fingerprint is judged by its own episode's windows only.
 */
export function evaluateRule(input: {
  rule: Rule;
  /** Ends of evaluated windows, oldest first. */
  windowEnds: readonly number[];
  findings: readonly Finding[];
  current: ReadonlyMap<string, CurrentAlert>;
  nowMs: number;
  maxActive: number;
}): Evaluation {
  const { rule, windowEnds, current, nowMs } = input;
  const breaches = breachesByFingerprint(rule, windowEnds, input.findings);
  const prints = new Set([...breaches.keys(), ...[...current.values()].filter((c) => c.ruleId === rule.id && c.state !== "resolved" && c.state !== "inactive").map((c) => c.fingerprint)]);
  let active = [...current.values()].filter((c) => c.ruleId === rule.id && ["firing", "acknowledged", "silenced"].includes(c.state)).length;
  let overCap = 0;
  const decided: Decided[] = [];

  for (const print of prints) {
    const previous = current.get(print) ?? null;
    const ended = previous === null || previous.state === "resolved" || previous.state === "inactive";
    const episode = windowEnds.filter((end) => !ended || previous === null || end > previous.throughMs);
    const byWindow = breaches.get(print);
    const transition = afterEvaluation(
      { state: ended ? "inactive" : previous.state, silencedUntilMs: previous?.silencedUntilMs ?? null, acknowledged: previous?.acknowledged ?? false },
      { breached: episode.map((end) => byWindow?.has(end) ?? false), nowMs },
      { for: rule.for, recover: rule.recover },
    );
    if (transition === null) continue;
    const opens = transition.to === "firing" && (ended || previous.state === "pending");
    if (opens && active >= input.maxActive) {
      overCap++;
      continue;
    }
    if (opens) active++;
    const inEpisode = episode.flatMap((end) => byWindow?.get(end) ?? []);
    const startsAtMs = ended ? Math.min(...inEpisode.map((f) => f.windowStartMs)) : previous.startsAtMs;
    decided.push({
      rule,
      fingerprint: print,
      alertId: ended ? alertId(print, startsAtMs) : previous.alertId,
      from: ended ? "inactive" : previous.state,
      to: transition.to,
      reason: transition.reason,
      startsAtMs,
      throughMs: windowEnds.at(-1) ?? previous?.throughMs ?? nowMs,
      finding: inEpisode.at(-1) ?? null,
      previous,
    });
  }
  return { decided, overCap };
}

/** A finding belongs to the first evaluated window that ends with it or later; jobs may cut their windows finer. */
function breachesByFingerprint(rule: Rule, windowEnds: readonly number[], findings: readonly Finding[]): Map<string, Map<number, Finding>> {
  const out = new Map<string, Map<number, Finding>>();
  for (const f of findings) {
    if (f.detector !== rule.detector || !passesFloors(rule, f)) continue;
    const window = windowEnds.find((end) => end >= f.windowEndMs);
    if (window === undefined) continue;
    const print = fingerprint(rule.id, f.entityKind, f.entity);
    const byWindow = out.get(print) ?? new Map<number, Finding>();
    const other = byWindow.get(window);
    if (!other || other.score < f.score) byWindow.set(window, f);
    out.set(print, byWindow);
  }
  return out;
}

/** The score says how sure, the floors say how much. Both must pass. */
export function passesFloors(rule: Rule, f: Finding): boolean {
  if (f.score < rule.minScore) return false;
  if (Math.abs(f.actual - f.expected) < rule.minEffect.absolute) return false;
  return f.expected === 0 || Math.abs(f.actual / f.expected) >= rule.minEffect.ratio;
}
