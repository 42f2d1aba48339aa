import type { AuditLog } from "../../collector/audit/audit-log.ts";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { DraftRecord } from "../../collector/record/call-record.ts";
import type { ProxyConfig } from "../config.ts";
import { DenialBreaker, denialKey, type Coalesced } from "../limits/denial-breaker.ts";
import type { Ending } from "./call.ts";
import type { Exchange, Recorded } from "./exchange.ts";

/** How long an attempt may be counted before its count is on record. */
const EVERY_MS = 1000;

export interface DenialRecords extends Stoppable {
  /**
   * Writes the record of a message that is refused, or counts it where it repeats what was denied again and again. Throws
   * E_AUDIT_UNAVAILABLE.
   */
  record(exchange: Exchange, ending: Ending): Recorded;
}

export interface DenialRecordsOptions {
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly breaker: ProxyConfig["denialBreaker"];
  /** Of a server by its name: who is refused early has not been led to its entry. */
  readonly riskTierOf: (server: string) => string;
}

/**
 * Has every denial on record. One that repeats is answered at once and counted; the counts are written once a second and
 * when this stops, which must come before the audit log does.
 */
export function recordDenials({ audit, clock, logger, breaker: options, riskTierOf }: DenialRecordsOptions): DenialRecords {
  if (options === false) return { record: (exchange, ending) => exchange.record(ending), stop: () => Promise.resolve() };
  const breaker = new DenialBreaker<DraftRecord>(options);
  /** Counted, and refused by the audit log. Few: while it refuses, nothing is counted. */
  let unwritten: Coalesced<DraftRecord>[] = [];
  let stopped = false;

  const write = (): Promise<void>[] => {
    const due = [...unwritten, ...breaker.due(clock.nowMs())];
    unwritten = [];
    const written: Promise<void>[] = [];
    for (const counted of due) {
      try {
        written.push(audit.append({ ...counted.sample, attempts: counted.attempts }).durable);
      } catch (error) {
        if (unwritten.push(counted) === 1) logger.warn({ err: error }, "denials were counted and cannot be recorded yet");
      }
    }
    for (const durable of written) durable.catch((error: unknown) => logger.error({ err: error }, "the record of counted denials did not reach the disk"));
    return written;
  };
  const writing = setInterval(write, EVERY_MS).unref();

  return {
    record(exchange, ending) {
      if (ending.outcome !== "denied") return exchange.record(ending);
      const draft = exchange.call.draft(ending);
      // What is to be provable of a high-risk server is each attempt, and not how many there were.
      if ((draft.riskTier || riskTierOf(draft.server)) === "high") return exchange.record(ending);
      const key = denialKey(draft);
      const nowMs = clock.nowMs();
      const repeated = !stopped && audit.available ? breaker.repeats(key, nowMs) : null;
      if (repeated === null) {
        const recorded = exchange.record(ending);
        breaker.note(key, nowMs, recorded.callId);
        return recorded;
      }
      breaker.absorb(key, nowMs, draft);
      exchange.counted();
      return { callId: repeated, repeats: true, durable: Promise.resolve() };
    },
    async stop() {
      stopped = true;
      clearInterval(writing);
      await Promise.allSettled(write());
      const attempts = unwritten.reduce((sum, counted) => sum + counted.attempts, 0);
      if (attempts > 0) logger.error({ attempts }, "denials were counted and could not be recorded");
    },
  };
}
