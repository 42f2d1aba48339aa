/** Lengths that the console offers. Any end up to seven days is accepted; none is not. */
export const silenceMinutes = [30, 60, 360, 1440] as const;

/** A silence belongs to the fingerprint, so that it also covers an episode that begins while it lasts. */
export function silenceInForce(untilMs: number | null, nowMs: number): boolean {
  return untilMs !== null && untilMs > nowMs;
}
