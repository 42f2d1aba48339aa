import type { Clock } from "../kernel/clock.ts";
import { SignalboxError } from "../kernel/errors.ts";

const DAY_MS = 86_400_000;
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: DAY_MS };

/** As the store's parameters have it: `YYYY-MM-DD hh:mm:ss.mmm` in UTC. */
export const sqlTime = (ms: number): string => new Date(ms).toISOString().replace("T", " ").replace("Z", "");

/** Never before the epoch, before which the store knows no time. */
export const dayBefore = (iso: string): string => sqlTime(Math.max(0, Date.parse(iso) - DAY_MS));

/** An ISO time, or an age such as 90m, 24h, 7d; null for none given. Throws E_AUDIT_SINCE. */
export function sinceMsOf(text: string | undefined, clock: Clock): number | null {
  if (text === undefined) return null;
  const age = /^(\d+)([mhd])$/.exec(text);
  const ms = age ? clock.nowMs() - Number(age[1]) * (UNIT_MS[age[2] as string] as number) : Date.parse(text);
  if (Number.isNaN(ms)) {
    throw new SignalboxError("E_AUDIT_SINCE", `cannot read ${text} as a time`, { remedy: "use 2026-01-31T08:00:00Z or an age such as 24h" });
  }
  return ms;
}
