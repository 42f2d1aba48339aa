import { readFile } from "node:fs/promises";
import { z } from "zod";
import { replaceFile } from "../../collector/audit/disk.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import { createWokenLoop } from "../../collector/kernel/woken-loop.ts";
import type { PublishStore } from "../registry/publish.ts";
import type { ControlEntry, ControlEvent } from "./control-event.ts";
import { journalStart, readEntries, type Journal, type JournalPosition } from "./journal.ts";

export interface EventPublisher extends Stoppable {
  /** There is more in the journal. */
  wake(): void;
}

export interface EventPublisherOptions {
  readonly store: PublishStore;
  readonly journal: Pick<Journal, "id" | "path" | "end">;
  /** How far the store has the journal. */
  readonly cursorFile: string;
  readonly logger: Logger;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

const cursorSchema = z.object({ seq: z.int().nonnegative(), offset: z.int().nonnegative() });

/**
 * Keeps the store's `control_events` up with the journal: at least once, in order, read from the file and not from memory,
 * however long the store is away. An entry that arrives twice replaces itself (journal, seq). Nothing waits for it.
 */
export function createEventPublisher(options: EventPublisherOptions): EventPublisher {
  const { store, journal, cursorFile, logger } = options;
  let cursor: JournalPosition | null = null;

  async function publish(): Promise<void> {
    cursor ??= await readCursor(cursorFile, journal.end);
    for await (const { entries, position } of readEntries(journal.path, cursor, journal.end.offset)) {
      if (loop.ended) return;
      const token = `control ${journal.id} ${position.seq - entries.length + 1}-${position.seq}`;
      await store.insert("control_events", entries.map((entry) => toRow(journal.id, entry)), { deduplicationToken: token });
      cursor = position;
      await replaceFile(cursorFile, `${JSON.stringify(cursor)}\n`);
    }
  }

  const loop = createWokenLoop({
    turn: publish,
    failed(error, failures) {
      logger.debug({ err: error }, "control events could not be published yet");
      return Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
    },
  });

  loop.wake();
  return {
    wake: loop.wake,
    async stop() {
      loop.end();
      await loop.settled();
    },
  };
}

/** A cursor that is missing or leads nowhere starts over: what the store has already replaces itself. */
async function readCursor(file: string, end: JournalPosition): Promise<JournalPosition> {
  try {
    const cursor = cursorSchema.parse(JSON.parse(await readFile(file, "utf8")));
    return cursor.offset <= end.offset && cursor.seq <= end.seq ? cursor : journalStart;
  } catch {
    return journalStart;
  }
}

export function toRow(journal: string, { seq, atMs, by, event }: ControlEntry): object {
  return { journal, seq, at: new Date(atMs).toISOString(), kind: event.kind, subject: subjectOf(event), by, json: JSON.stringify(withoutHash(event)) };
}

/** A hash of a token helps nobody who investigates. */
function withoutHash(event: ControlEvent): object {
  if (event.kind !== "task.opened") return event;
  const { tokenHash: _, ...task } = event.task;
  return { ...event, task };
}

/** What an event is about: the id of what it made or changed, or `server/tool`, or the part whose files they were. */
export function subjectOf(event: ControlEvent): string {
  switch (event.kind) {
    case "task.opened":
      return event.task.taskId;
    case "task.closed":
    case "external_task.closed":
      return event.taskId;
    case "stop.set":
    case "stop.cleared":
      return event.stopId;
    case "approval.requested":
      return event.approval.approvalId;
    case "approval.decided":
    case "approval.used":
      return event.approvalId;
    case "exception.granted":
      return event.exception.exceptionId;
    case "exception.revoked":
      return event.exceptionId;
    case "quarantine.held":
      return event.item.quarantineId;
    case "quarantine.settled":
      return event.quarantineId;
    case "tool.seen":
    case "tool.approved":
      return `${event.server}/${event.tool}`;
    case "files.refused":
      return event.part;
  }
}
