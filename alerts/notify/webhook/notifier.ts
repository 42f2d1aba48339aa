import { createHash } from "node:crypto";
import { Agent, request, type Dispatcher } from "undici";
import { SignalboxError } from "../../../collector/kernel/errors.ts";
import type { WebhookConfig } from "../../config.ts";
import type { Delivery, Notifier } from "../notifier.ts";
import { guardedLookup, refusesHost } from "./guard.ts";
import { parseSecret, signatureHeaders } from "./sign.ts";

/** A receiver of Standard Webhooks. `env` holds the secrets that the configuration names. */
export function createWebhookNotifier(config: WebhookConfig, env: Readonly<Record<string, string | undefined>>): Notifier {
  const url = new URL(config.url);
  if (!config.allowPrivate && refusesHost(url.hostname)) {
    throw new SignalboxError("E_WEBHOOK_INSIDE", `webhook "${config.name}" points at an inside address`, {
      remedy: "set allowPrivate: true if the receiver really lives there",
    });
  }
  const keys = [config.secret, ...(config.previousSecret ? [config.previousSecret] : [])].map((ref) => parseSecret(config.name, readSecret(config.name, ref, env)));
  const agent = new Agent({
    connections: 2,
    connect: { timeout: config.timeoutMs, ...(config.allowPrivate ? {} : { lookup: guardedLookup }) },
    headersTimeout: config.timeoutMs,
    bodyTimeout: config.timeoutMs,
  });
  let stopping: Promise<void> | undefined;

  return {
    channel: "webhook",
    receiver: `${config.name}@${createHash("sha256").update(config.url).digest("hex").slice(0, 8)}`,
    wants: (type) => config.sendResolved || type === "mcp.alert.firing",
    async deliver(notification, nowMs) {
      try {
        const response = await request(url, {
          method: "POST",
          dispatcher: agent,
          signal: AbortSignal.timeout(config.timeoutMs),
          headers: {
            "content-type": "application/json",
            "user-agent": "signalbox-webhook/1",
            ...signatureHeaders(keys, notification.id, nowMs, notification.body),
          },
          body: notification.body,
        });
        // The answer's text is nobody's business: it is read to free the connection, up to a limit.
        await response.body.dump({ limit: 65_536 }).catch(() => {});
        return judge(response, nowMs);
      } catch (error) {
        return { status: "failed", httpStatus: 0, error: describe(error) };
      }
    },
    stop: () => (stopping ??= agent.destroy()),
  };
}

/** Only 2xx is success. A redirect is a failure: following one would carry the body past the check of the address. */
function judge(response: Dispatcher.ResponseData, nowMs: number): Delivery {
  const httpStatus = response.statusCode;
  if (httpStatus >= 200 && httpStatus < 300) return { status: "delivered", httpStatus };
  if (httpStatus === 410) return { status: "gone", httpStatus, error: "the receiver answered 410 Gone and is disabled" };
  const retryAfterMs = parseRetryAfter(response.headers["retry-after"], nowMs);
  return { status: "failed", httpStatus, error: `the receiver answered ${httpStatus}`, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

export function parseRetryAfter(value: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(value) ? value[0] : value)?.trim();
  if (!text) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 24 * 3600_000) : undefined;
}

function readSecret(name: string, ref: string, env: Readonly<Record<string, string | undefined>>): string {
  const variable = /^\$\{env:(.+)\}$/.exec(ref)?.[1] ?? "";
  const value = env[variable];
  if (!value) throw new SignalboxError("E_WEBHOOK_SECRET", `webhook "${name}" needs the environment variable ${variable}`, { remedy: "set it to a whsec_ secret" });
  return value;
}

/** Codes and short words only; an address or a URL may hold what the receiver's owner keeps private. */
function describe(error: unknown): string {
  const e = error as { code?: string; name?: string };
  return e.code ?? (e.name === "TimeoutError" ? "no answer in time" : (e.name ?? "failed"));
}
