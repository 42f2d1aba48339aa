/** Everything a request may use up. */
export interface ReceiveLimits {
  /** Largest body as sent, and after decompression. */
  readonly maxBodyBytes: number;
  readonly maxDecompressedBytes: number;
  /** Requests being read, decoded or inserted at once; the next one is told to come back. */
  readonly maxInFlight: number;
}

/**
 * A resource is repeated in each of its spans' rows. Ten attributes of 30 bytes on spans of 300 bytes double a body; four
 * times is more than real senders need and still keeps a small body from becoming gigabytes.
 */
export const ROW_BYTES_PER_BODY_BYTE = 4;

/** A day is a partition, and an insert that touches many makes as many parts. ClickHouse itself refuses above 100. */
export const MAX_DAYS_PER_REQUEST = 100;

/** A body must arrive whole within this time, so that slow senders can't hold every place. */
export const REQUEST_TIMEOUT_MS = 30_000;

export const RETRY_AFTER_SECONDS = { busy: 1, storeDown: 5 } as const;
