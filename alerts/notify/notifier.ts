import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { NotificationType } from "../group.ts";

/** One message to one receiver. `id` and `body` stay the same over every try, so that receivers can tell a repeat. */
export interface Notification {
  readonly id: string;
  readonly type: NotificationType;
  readonly body: string;
}

export type Delivery =
  | { readonly status: "delivered"; readonly httpStatus: number }
  /** Try again, not before `retryAfterMs` where the receiver asked for that. */
  | { readonly status: "failed"; readonly httpStatus: number; readonly error: string; readonly retryAfterMs?: number }
  /** Never again, and nothing else to this receiver either until it is configured anew. */
  | { readonly status: "gone"; readonly httpStatus: number; readonly error: string };

/** A channel to one receiver. `deliver` never throws, and settles within its own time limit. */
export interface Notifier extends Stoppable {
  readonly channel: string;
  /** Names the receiver and its address's digest: a receiver that moved is another receiver. */
  readonly receiver: string;
  wants(type: NotificationType): boolean;
  deliver(notification: Notification, nowMs: number): Promise<Delivery>;
}
