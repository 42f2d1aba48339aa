import type { AlertsConfig } from "../config.ts";
import type { Notifier } from "./notifier.ts";
import { createWebhookNotifier } from "./webhook/notifier.ts";

/** Every configured receiver. Throws where one is unusable: an alert that nobody hears of is worse than no start. */
export function createNotifiers(config: AlertsConfig, env: Readonly<Record<string, string | undefined>>): Notifier[] {
  return config.webhooks.map((w) => createWebhookNotifier(w, env));
}
