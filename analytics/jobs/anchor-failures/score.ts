/** An anchor that has taken no checkpoint for long. */
export interface StalledAnchor {
  readonly anchor: string;
  readonly minutes: number;
  readonly sinceMs: number;
  readonly failures: number;
  /** Checkpoints that wait for it, and that it will never get. */
  readonly behind: number;
  readonly skipped: number;
  readonly lastError: string;
}

/** A figure that comes so soon after the look-back's start has others before it. */
const FIRST_FIGURE_MS = 120_000;

/** `lookBackFromMs`: what was before is not known. */
export function describeStalled({ anchor, sinceMs, failures, behind, skipped, lastError }: StalledAnchor, lookBackFromMs: number): string {
  const since = new Date(sinceMs).toISOString();
  const atLeast = sinceMs < lookBackFromMs + FIRST_FIGURE_MS ? "at the latest " : "";
  const tried = failures > 0 ? ` ${failures} attempts have failed${lastError === "" ? "" : `, the last one with: ${lastError}`}.` : " No attempt has failed: it does not answer.";
  const lost = skipped > 0 ? ` ${skipped} checkpoints were left out for good.` : "";
  return `The anchor ${anchor} has taken no checkpoint since ${atLeast}${since}, and ${behind} wait for it.${tried}${lost} Until it takes them, whoever has the signing key could write that time's history anew without this anchor contradicting it.`;
}
