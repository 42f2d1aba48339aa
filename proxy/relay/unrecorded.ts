import type { AuditLog } from "../../collector/audit/audit-log.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import type { DraftRecord } from "../../collector/record/call-record.ts";
import type { ProxyConfig } from "../config.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { Recorded } from "./exchange.ts";

/** Whether calls to this server go on while nothing can be recorded. */
export function continuesUnrecorded(config: ProxyConfig, entry: ServerEntry | null | undefined): boolean {
  return entry?.riskTier !== undefined && config.whenAuditUnavailable[entry.riskTier] === "continue";
}

/** Records a call, or counts it where that is not possible: what was left of the spool's room is for calls that must be recorded. */
export function recordOrCount(audit: AuditLog, draft: DraftRecord): Recorded {
  try {
    if (audit.available) {
      const { seq, durable } = audit.append(draft);
      return { callId: `${audit.producer}-${seq}`, durable: durable.catch(() => audit.letThrough(draft, seq)) };
    }
  } catch (error) {
    if (!(error instanceof SignalboxError && error.code === "E_AUDIT_UNAVAILABLE")) throw error;
  }
  audit.letThrough(draft);
  return { callId: "", durable: Promise.resolve() };
}
