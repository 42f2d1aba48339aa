/** What one limit has counted under one key. Times are milliseconds. */
export interface Bucket {
  /** Calls that may still be made at once; below zero when other workers took more than there was. */
  tokens: number;
  filledMs: number;
  /** Taken here since the other workers were last told. */
  untold: number;
  /** Under way here. */
  running: number;
  toldRunning: number;
  /** Under way on other workers, and when each last said so. */
  readonly others: Map<string, { readonly running: number; readonly saidMs: number }>;
}

export interface Rate {
  readonly calls: number;
  readonly seconds: number;
}

/** A worker that has said nothing for so long is gone, and what it had under way with it. */
export const SILENT_MS = 2000;

export function newBucket(rate: Rate | undefined, nowMs: number): Bucket {
  return { tokens: rate?.calls ?? 0, filledMs: nowMs, untold: 0, running: 0, toldRunning: 0, others: new Map() };
}

/** Adds what came back since the last time. A clock that went back brings nothing. */
export function refill(bucket: Bucket, rate: Rate, nowMs: number): void {
  if (nowMs > bucket.filledMs) bucket.tokens = Math.min(rate.calls, bucket.tokens + ((nowMs - bucket.filledMs) / 1000) * (rate.calls / rate.seconds));
  bucket.filledMs = nowMs;
}

/** How long until there is room for a call; 0 where there is. Call `refill` first. */
export function waitMs(bucket: Bucket, rate: Rate): number {
  return bucket.tokens >= 1 ? 0 : Math.ceil(((1 - bucket.tokens) * rate.seconds * 1000) / rate.calls);
}

export function underWay(bucket: Bucket, nowMs: number): number {
  let all = bucket.running;
  for (const [origin, { running, saidMs }] of bucket.others) {
    if (nowMs - saidMs > SILENT_MS) bucket.others.delete(origin);
    else all += running;
  }
  return all;
}
