import type { Ballast } from "./ballast.ts";
import { readCursor, writeCursor, type Cursor } from "./cursor.ts";
import { createDurableReader, type SpooledLine } from "./durable-reader.ts";
import { batchOf, type Batch } from "./encode-batch.ts";
import type { SegmentLog } from "./segments.ts";
import type { SpanTail } from "./span-tail.ts";

export interface ReadLimits {
  readonly records: number;
  /** Of lines; one record is read even when it is larger. */
  readonly bytes: number;
}

/** The way out of a spool: what is durable, how far the collector has it, and the deletion of what it has. */
export interface Delivery {
  readonly producer: string;
  readonly dir: string;
  readonly cursor: Cursor;
  readonly durableSeq: number;
  /** Records from `fromSeq` on, as many as are durable and within the limits; null where there is none. */
  next(fromSeq: number, limits: ReadLimits): Promise<Batch | null>;
  /** The same as their lines on disk. */
  read(fromSeq: number, limits: ReadLimits): Promise<SpooledLine[]>;
  /** Makes durable that the records `firstSeq` to `lastSeq` are about to be sent together. */
  beginSending(firstSeq: number, lastSeq: number): Promise<void>;
  /** Makes durable that the collector has everything up to and with `acked`, of `bytes` in lines, and deletes the
   * segments that held nothing else. After a rejection it may be called again with the same arguments. */
  acknowledge(acked: Cursor["acked"], bytes: number): Promise<void>;
  /** Deletes the segments of which the collector has everything, as `acknowledge` does: one that was sealed since is among them. */
  deleteDelivered(): Promise<void>;
  /** Calls `listener` after every commit. Returns the unsubscribe. */
  onDurable(listener: () => void): () => void;
  close(): Promise<void>;
}

export function createDelivery(options: {
  dir: string;
  producer: string;
  cursor: Awaited<ReturnType<typeof readCursor>>;
  segments: SegmentLog;
  tail: SpanTail;
  /** Puts what is durable and not in the tail yet there. */
  completeTail: () => void;
  ballast: Ballast;
  beforeDelete: () => Promise<void>;
  onAcknowledged: (bytes: number) => void;
  onDurable: (listener: () => void) => () => void;
}): Delivery {
  const { dir, producer, segments, tail, ballast } = options;
  const reader = createDurableReader(segments);
  let cursor = options.cursor;
  let deleting = Promise.resolve();

  const move = async (next: Cursor): Promise<void> => {
    await ballast.makeRoomFor(() => writeCursor(dir, next));
    cursor = next;
  };

  const deleteNow = async (): Promise<void> => {
    const { seq } = cursor.acked;
    if (!segments.hasRemovable(seq)) return;
    await ballast.makeRoomFor(options.beforeDelete);
    await segments.removeThrough(seq);
  };

  const deleteDelivered = (): Promise<void> => {
    const deleted = deleting.then(deleteNow);
    deleting = deleted.catch(() => {});
    return deleted;
  };

  return {
    producer,
    dir,
    get cursor() {
      return cursor;
    },
    get durableSeq() {
      return segments.durableSeq;
    },
    async next(fromSeq, limits) {
      options.completeTail();
      return tail.take(fromSeq, segments.durableSeq, limits) ?? batchOf(await reader.read(fromSeq, limits));
    },
    read: (fromSeq, limits) => reader.read(fromSeq, limits),
    beginSending: (firstSeq, lastSeq) => move({ acked: cursor.acked, sending: { firstSeq, lastSeq } }),
    async acknowledge(acked, bytes) {
      if (acked.seq > cursor.acked.seq) {
        await move({ acked, sending: null });
        tail.dropThrough(acked.seq);
        options.onAcknowledged(bytes);
      }
      await deleteDelivered();
    },
    deleteDelivered,
    onDurable: options.onDurable,
    close: () => reader.close(),
  };
}
