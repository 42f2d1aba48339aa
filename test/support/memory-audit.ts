import type { AuditLog, Intent } from "../../collector/audit/audit-log.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import type { DraftRecord } from "../../collector/record/call-record.ts";

export interface MemoryAudit extends AuditLog {
  readonly records: DraftRecord[];
  readonly intents: { draft: DraftRecord; settled: boolean }[];
  /** Calls that were counted instead of recorded. */
  readonly unrecorded: DraftRecord[];
  available: boolean;
  /** While set, no record becomes durable. */
  hold: Promise<void> | null;
  /** Resolves with the first record that fits, now or later. */
  recorded(fits: (record: DraftRecord) => boolean): Promise<DraftRecord>;
}

/** An audit log that only remembers: for tests of what is recorded, and when. */
export function memoryAudit(): MemoryAudit {
  const waiting: { fits: (record: DraftRecord) => boolean; resolve: (record: DraftRecord) => void }[] = [];
  const audit: MemoryAudit = {
    producer: "memory",
    records: [],
    intents: [],
    unrecorded: [],
    available: true,
    hold: null,
    append(draft) {
      if (!audit.available) throw new SignalboxError("E_AUDIT_UNAVAILABLE", "the spool is full");
      audit.records.push(draft);
      for (const waiter of waiting.filter((w) => w.fits(draft))) waiter.resolve(draft);
      return { seq: audit.records.length, durable: audit.hold ?? Promise.resolve() };
    },
    intend(draft): Promise<Intent> {
      const intent = { draft, settled: false };
      audit.intents.push(intent);
      return Promise.resolve({ settle: () => void (intent.settled = true) });
    },
    letThrough: (draft) => void audit.unrecorded.push(draft),
    recorded(fits) {
      const found = audit.records.find(fits);
      return found ? Promise.resolve(found) : new Promise((resolve) => waiting.push({ fits, resolve }));
    },
    stop: () => Promise.resolve(),
  };
  return audit;
}
