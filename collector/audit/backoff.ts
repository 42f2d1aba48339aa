/** What a collector answers, as the exporter has to act on it. */
export type Reply =
  /** Everything was stored. */
  | { readonly kind: "accepted" }
  /** The data was at fault, or a part of it: sending the same again would bring the same answer. */
  | { readonly kind: "refused"; readonly why: string }
  /** Nothing is known to be stored; try again, not before `afterMs` where the collector said so. */
  | { readonly kind: "retry"; readonly why: string; readonly afterMs: number | null };

const MIN_MS = 200;
const MAX_MS = 5000;
/** A collector may ask for patience, not for ever. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Statuses that speak about the request's content. Any other failure may be a wrong address or a missing credential, and
 * records must not be put aside for that. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422]);

export function classify(status: number, retryAfter: string | undefined, rejectedSpans: number, message: string, nowMs: number): Reply {
  if (status >= 200 && status < 300) {
    return rejectedSpans === 0 ? { kind: "accepted" } : { kind: "refused", why: `${rejectedSpans} spans were rejected: ${message}` };
  }
  const why = `status ${status}${message ? `: ${message}` : ""}`;
  if (REFUSALS.has(status)) return { kind: "refused", why };
  return { kind: "retry", why, afterMs: status === 429 || status === 503 ? retryAfterMs(retryAfter, nowMs) : null };
}

/** Seconds or an HTTP date; null where the header is missing or says nothing. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** Doubles from 0.2 s to 5 s; half of it is chance, so that workers that failed together don't return together.
 * `attempt` counts from 0, `random` is from 0 to 1. */
export function backoffMs(attempt: number, random: number): number {
  const whole = Math.min(MAX_MS, MIN_MS * 2 ** Math.min(attempt, 10));
  return Math.round(whole / 2 + (whole / 2) * random);
}
