import { describe, expect, it } from "vitest";
import { afterAction, afterEvaluation, maxSilenceMs, type AlertState } from "../../../alerts/state.ts";

const now = Date.UTC(2026, 2, 2, 10, 15);
const later = now + 60_000;
const b = true;
const c = false;

/** A row per transition: state, breached windows (oldest first), thresholds, silence, next state. */
const rows: { name: string; from: AlertState; windows: boolean[]; need?: [number, number]; recover?: number; until?: number | null; acknowledged?: boolean; to: AlertState | null }[] = [
  { name: "a breach fires where one is enough", from: "inactive", windows: [c, b], to: "firing" },
  { name: "a breach is pending where two of three are needed", from: "inactive", windows: [c, c, b], need: [2, 3], to: "pending" },
  { name: "the second of three fires", from: "pending", windows: [b, c, b], need: [2, 3], to: "firing" },
  { name: "pending stays while the breach can still count", from: "pending", windows: [c, b, c], need: [2, 3], to: null },
  { name: "pending ends when no breach can count any more", from: "pending", windows: [b, c, c], need: [2, 3], to: "inactive" },
  { name: "two of two needs them in a row", from: "pending", windows: [b, c], need: [2, 2], to: "inactive" },
  { name: "quiet stays quiet", from: "inactive", windows: [c, c, c], to: null },
  { name: "without any window nothing fires", from: "inactive", windows: [], to: null },
  { name: "missing data leaves pending as it is", from: "pending", windows: [], need: [2, 3], to: null },
  { name: "firing stays while the condition holds", from: "firing", windows: [b, b], to: null },
  { name: "one clear window is not recovery where three are needed", from: "firing", windows: [b, c, c], recover: 3, to: null },
  { name: "three clear windows resolve", from: "firing", windows: [b, c, c, c], recover: 3, to: "resolved" },
  { name: "missing data never resolves", from: "firing", windows: [], recover: 1, to: null },
  { name: "fewer windows than needed never resolve", from: "firing", windows: [c, c], recover: 3, to: null },
  { name: "an acknowledged alert resolves as well", from: "acknowledged", windows: [c], to: "resolved" },
  { name: "an acknowledged alert does not fire again by the same condition", from: "acknowledged", windows: [b], to: null },
  { name: "a silenced alert stays silent until the silence ends", from: "silenced", windows: [b], until: later, to: null },
  { name: "the end of a silence fires again", from: "silenced", windows: [b], until: now - 1, to: "firing" },
  { name: "the end of a silence returns to acknowledged", from: "silenced", windows: [b], until: now - 1, acknowledged: true, to: "acknowledged" },
  { name: "a silenced alert resolves when its condition clears", from: "silenced", windows: [c], until: later, to: "resolved" },
  { name: "a silence of the fingerprint covers a new episode", from: "inactive", windows: [b], until: later, to: "silenced" },
  { name: "a silence of the fingerprint quiets a firing alert", from: "firing", windows: [b], until: later, to: "silenced" },
];

describe("after an evaluation", () => {
  for (const r of rows) {
    it(r.name, () => {
      const [breaches, windows] = r.need ?? [1, 1];
      const next = afterEvaluation({ state: r.from, silencedUntilMs: r.until ?? null, acknowledged: r.acknowledged ?? false }, { breached: r.windows, nowMs: now }, { for: { breaches, windows }, recover: r.recover ?? 1 });
      expect(next?.to ?? null).toBe(r.to);
      if (next) expect(next.reason).not.toBe("");
    });
  }
});

describe("after a person's action", () => {
  it.each<[string, AlertState, Parameters<typeof afterAction>[1], string]>([
    ["acknowledges what fires", "firing", { kind: "acknowledge", reason: "looking" }, "acknowledged"],
    ["silences what fires", "firing", { kind: "silence", reason: "planned work", untilMs: later }, "silenced"],
    ["lengthens a silence", "silenced", { kind: "silence", reason: "still planned", untilMs: later }, "silenced"],
    ["acknowledges what is silenced", "silenced", { kind: "acknowledge", reason: "looking" }, "acknowledged"],
  ])("%s", (_, from, action, to) => expect(afterAction(from, action, now)).toMatchObject({ to }));

  it.each<[string, AlertState, Parameters<typeof afterAction>[1], RegExp]>([
    ["an acknowledgement without a reason", "firing", { kind: "acknowledge", reason: "  " }, /reason/],
    ["an acknowledgement of what is resolved", "resolved", { kind: "acknowledge", reason: "looking" }, /resolved/],
    ["a second acknowledgement", "acknowledged", { kind: "acknowledge", reason: "looking" }, /already/],
    ["a silence of what is only pending", "pending", { kind: "silence", reason: "planned", untilMs: later }, /pending/],
    ["a silence that has ended", "firing", { kind: "silence", reason: "planned", untilMs: now }, /future/],
    ["a silence without a near end", "firing", { kind: "silence", reason: "planned", untilMs: now + maxSilenceMs + 1 }, /7 days/],
  ])("refuses %s", (_, from, action, why) => expect(afterAction(from, action, now)).toEqual({ refused: expect.stringMatching(why) }));
});
