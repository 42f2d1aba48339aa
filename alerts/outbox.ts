import type { Logger } from "../collector/kernel/log.ts";
import { append, select, type Store } from "./rows.ts";
import { notificationId } from "./dedup.ts";
import { toDateTime } from "./events.ts";
import type { AlertGroup } from "./group.ts";
import { webhookBody } from "./notify/webhook/body.ts";
import type { Delivery, Notifier } from "./notify/notifier.ts";

export const maxAttempts = 10;
/** Deliveries at once, and notifications that one drain takes up: a slow receiver delays others by one drain at most. */
const parallel = 4;
const perDrain = 100;

/** Waits after each failed try, some 75 hours in all: a receiver that is down over a weekend still hears of it. */
const backoffMs = [5_000, 5 * 60_000, 30 * 60_000, 2 * 3600_000, 5 * 3600_000, 10 * 3600_000, 14 * 3600_000, 20 * 3600_000, 24 * 3600_000];

interface OutboxEntry {
  notification_id: string;
  receiver: string;
  attempt: number;
  type: Notifier extends { wants(type: infer T): boolean } ? T : never;
  body: string;
  alert_id: string;
}

/** The next row of a notification after a try. Pure; `random` is in [0, 1) and spreads the tries of many notifications. */
export function afterDelivery(attempt: number, delivery: Delivery, nowMs: number, random: number): { status: "delivered" | "failed" | "dead"; nextAttemptMs: number | null } {
  if (delivery.status === "delivered") return { status: "delivered", nextAttemptMs: null };
  if (delivery.status === "gone" || attempt >= maxAttempts) return { status: "dead", nextAttemptMs: null };
  const wait = backoffMs[Math.min(attempt, backoffMs.length) - 1]!;
  const jittered = wait * (0.8 + 0.4 * random);
  return { status: "failed", nextAttemptMs: nowMs + Math.round(Math.max(jittered, delivery.retryAfterMs ?? 0)) };
}

export interface Outbox {
  /** Queues one message per receiver. Known ids are left alone, so that a decision that is made twice is told once. */
  enqueue(group: AlertGroup, transitions: readonly string[], nowMs: number): Promise<number>;
  /** Tries what is due. A row is written after each try: a crash in between repeats the try with the same id. */
  drain(nowMs: number): Promise<{ delivered: number; failed: number; dead: number }>;
}

export function createOutbox(deps: { store: Store; notifiers: readonly Notifier[]; logger: Logger; random?: () => number }): Outbox {
  const { store, notifiers, logger, random = Math.random } = deps;
  const byReceiver = new Map(notifiers.map((n) => [n.receiver, n]));
  let gone: Set<string> | undefined;
  const goneReceivers = async (): Promise<Set<string>> => (gone ??= new Set((await select<{ receiver: string }>(store, "outbox-gone", {})).map((r) => r.receiver)));

  const tryOne = async (entry: OutboxEntry, nowMs: number): Promise<"delivered" | "failed" | "dead"> => {
    const notifier = byReceiver.get(entry.receiver);
    const attempt = Number(entry.attempt) + 1;
    const disabled = gone?.has(entry.receiver) ?? false;
    const delivery: Delivery =
      notifier && !disabled
        ? await notifier.deliver({ id: entry.notification_id, type: entry.type, body: entry.body }, nowMs)
        : { status: "gone", httpStatus: 0, error: disabled ? "the receiver is disabled since it answered 410" : "the receiver is not configured any more" };
    if (delivery.status === "gone" && delivery.httpStatus === 410) gone?.add(entry.receiver);
    const next = afterDelivery(attempt, delivery, nowMs, random());
    await append(store, "notification_events", [
      {
        notification_id: entry.notification_id,
        at: toDateTime(nowMs),
        status: next.status,
        attempt,
        channel: notifier?.channel ?? "webhook",
        receiver: entry.receiver,
        alert_id: entry.alert_id,
        type: entry.type,
        body: "",
        next_attempt_at: next.nextAttemptMs === null ? null : toDateTime(next.nextAttemptMs),
        http_status: delivery.httpStatus,
        error: "error" in delivery ? delivery.error : "",
      },
    ]);
    if (next.status !== "delivered") logger.warn({ receiver: entry.receiver, attempt, httpStatus: delivery.httpStatus, status: next.status }, "notification not delivered");
    return next.status;
  };

  return {
    async enqueue(group, transitions, nowMs) {
      const disabled = await goneReceivers();
      const wanted = notifiers.filter((n) => n.wants(group.type) && !disabled.has(n.receiver));
      if (wanted.length === 0) return 0;
      const body = webhookBody(group, nowMs);
      const rows = wanted.map((n) => ({
        notification_id: notificationId(n.receiver, group.type, group.key, transitions),
        at: toDateTime(nowMs),
        status: "queued",
        attempt: 0,
        channel: n.channel,
        receiver: n.receiver,
        alert_id: group.alerts[0]?.alertId ?? "",
        type: group.type,
        body,
        next_attempt_at: null,
        http_status: 0,
        error: "",
      }));
      const known = new Set((await select<{ notification_id: string }>(store, "outbox-known", { ids: rows.map((r) => r.notification_id) })).map((r) => r.notification_id));
      const fresh = rows.filter((r) => !known.has(r.notification_id));
      if (fresh.length > 0) await append(store, "notification_events", fresh);
      return fresh.length;
    },

    async drain(nowMs) {
      await goneReceivers();
      const due = await select<OutboxEntry>(store, "outbox-due", { now_ms: nowMs, limit: perDrain });
      const counts = { delivered: 0, failed: 0, dead: 0 };
      const queue = [...due];
      await Promise.all(
        Array.from({ length: Math.min(parallel, queue.length) }, async () => {
          for (let entry = queue.shift(); entry; entry = queue.shift()) counts[await tryOne(entry, nowMs)]++;
        }),
      );
      return counts;
    },
  };
}
