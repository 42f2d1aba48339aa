import { silenceInForce } from "./silence.ts";

/** Where an alert stands. `silenced` ends by itself; `resolved` ends the episode and the next breach opens a new one. */
export const alertStates = ["inactive", "pending", "firing", "acknowledged", "silenced", "resolved"] as const;
export type AlertState = (typeof alertStates)[number];

export interface Situation {
  readonly state: AlertState;
  /** End of a silence in force for this fingerprint; null when there is none. */
  readonly silencedUntilMs: number | null;
  readonly acknowledged: boolean;
}

/**
 * What the evaluated windows say, oldest first. A window that nobody evaluated is not in the list: missing data is not a
 * clear window, so it can neither raise nor resolve an alert.
 */
export interface Evidence {
  readonly breached: readonly boolean[];
  readonly nowMs: number;
}

export interface Thresholds {
  readonly for: { readonly breaches: number; readonly windows: number };
  readonly recover: number;
}

export interface Transition {
  readonly to: AlertState;
  readonly reason: string;
}

const active: ReadonlySet<AlertState> = new Set(["firing", "acknowledged", "silenced"]);

/**
 * The next state after an evaluation, or null where nothing changes. Everything is derived from the windows, not from
 * counters, so that a restart or a repeated tick comes to the same answer.
 */
export function afterEvaluation(s: Situation, e: Evidence, t: Thresholds): Transition | null {
  return active.has(s.state) ? whileActive(s, e, t) : whileQuiet(s, e, t);
}

function whileActive(s: Situation, e: Evidence, t: Thresholds): Transition | null {
  const last = e.breached.slice(-t.recover);
  if (last.length === t.recover && !last.includes(true)) {
    return { to: "resolved", reason: `${t.recover} evaluated window${t.recover === 1 ? "" : "s"} in a row without a breach` };
  }
  const muted = silenceInForce(s.silencedUntilMs, e.nowMs);
  if (s.state === "silenced" && !muted) {
    return s.acknowledged ? { to: "acknowledged", reason: "the silence ended" } : { to: "firing", reason: "the silence ended and the condition still holds" };
  }
  if (s.state === "firing" && muted) return { to: "silenced", reason: "a silence is in force" };
  return null;
}

function whileQuiet(s: Situation, e: Evidence, t: Thresholds): Transition | null {
  const breaches = e.breached.slice(-t.for.windows).filter(Boolean).length;
  if (breaches >= t.for.breaches) {
    const reason = `${breaches} of the last ${t.for.windows} windows breached`;
    const muted = silenceInForce(s.silencedUntilMs, e.nowMs);
    return muted ? { to: "silenced", reason: `${reason}; a silence is in force` } : { to: "firing", reason };
  }
  // A breach still counts while it will be among the last M when the next window is evaluated.
  const counting = t.for.windows > 1 && e.breached.slice(-(t.for.windows - 1)).includes(true);
  if (counting && s.state !== "pending") return { to: "pending", reason: `${breaches} of ${t.for.breaches} breaches needed` };
  // Without any window at hand there is nothing to clear it with.
  if (!counting && s.state === "pending" && e.breached.length > 0) return { to: "inactive", reason: "the condition cleared before it lasted long enough" };
  return null;
}

export type PersonAction =
  | { readonly kind: "acknowledge"; readonly reason: string }
  | { readonly kind: "silence"; readonly reason: string; readonly untilMs: number };

/** What a person may do. A refusal says why; a reason of substance is required, for whoever reads the history later. */
export function afterAction(state: AlertState, action: PersonAction, nowMs: number): Transition | { readonly refused: string } {
  const reason = action.reason.trim();
  if (reason.length < 3) return { refused: "a reason is required" };
  if (!active.has(state)) return { refused: `the alert is ${state}` };
  if (action.kind === "acknowledge") {
    return state === "acknowledged" ? { refused: "the alert is acknowledged already" } : { to: "acknowledged", reason };
  }
  if (!(action.untilMs > nowMs)) return { refused: "a silence needs an end in the future" };
  if (action.untilMs > nowMs + maxSilenceMs) return { refused: "a silence lasts 7 days at most" };
  return { to: "silenced", reason };
}

export const maxSilenceMs = 7 * 24 * 3600_000;
