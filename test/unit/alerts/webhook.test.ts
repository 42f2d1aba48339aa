import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { isInside, refusesHost } from "../../../alerts/notify/webhook/guard.ts";
import { createWebhookNotifier, parseRetryAfter } from "../../../alerts/notify/webhook/notifier.ts";
import { parseSecret, signatureHeaders } from "../../../alerts/notify/webhook/sign.ts";
import { afterDelivery, maxAttempts } from "../../../alerts/outbox.ts";

const secret = () => `whsec_${randomBytes(32).toString("base64")}`;
const config = { name: "ops", url: "https://example.com/hook", secret: "${env:S}", allowPrivate: false, timeoutMs: 5000, sendResolved: true };

describe("the signature", () => {
  it("is what the Standard Webhooks package makes and accepts, for many bodies", () => {
    for (let i = 0; i < 50; i++) {
      const key = secret();
      const body = JSON.stringify({ type: "mcp.alert.firing", n: i, text: "\u00e9\u202e".repeat(i) });
      const now = Date.now();
      const headers = signatureHeaders([parseSecret("ops", key)], `msg_${i}`, now, body);
      expect(headers["webhook-signature"]).toBe(new Webhook(key).sign(`msg_${i}`, new Date(now), body));
      expect(() => new Webhook(key).verify(body, headers)).not.toThrow();
      expect(() => new Webhook(key).verify(`${body} `, headers)).toThrow();
      expect(() => new Webhook(secret()).verify(body, headers)).toThrow();
    }
  });

  it("is accepted by holders of the old and of the new secret while one replaces the other", () => {
    const [old, next] = [secret(), secret()];
    const headers = signatureHeaders([parseSecret("ops", next), parseSecret("ops", old)], "msg_1", Date.now(), "{}");
    for (const key of [old, next]) expect(() => new Webhook(key).verify("{}", headers)).not.toThrow();
  });

  it("is refused by the package when it is old", () => {
    const key = secret();
    const headers = signatureHeaders([parseSecret("ops", key)], "msg_1", Date.now() - 3600_000, "{}");
    expect(() => new Webhook(key).verify("{}", headers)).toThrow(/old/);
  });

  it("is not made with a weak secret", () => {
    for (const bad of ["secret", "whsec_", `whsec_${randomBytes(8).toString("base64")}`]) expect(() => parseSecret("ops", bad)).toThrow(/not usable/);
  });
});

describe("the address guard", () => {
  it.each(["127.0.0.1", "10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::a00:1", "not an address"])("refuses %s", (address) => expect(isInside(address)).toBe(true));
  it.each(["1.1.1.1", "8.8.8.8", "2606:4700::1111"])("lets %s through", (address) => expect(isInside(address)).toBe(false));

  it("sees a literal address in every spelling that URLs have", () => {
    for (const url of ["http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://[::1]/", "http://[::ffff:10.0.0.1]/"]) expect(refusesHost(new URL(url).hostname)).toBe(true);
  });

  it("refuses an inside address when the receiver is configured, unless that is said", () => {
    const env = { S: secret() };
    expect(() => createWebhookNotifier({ ...config, url: "http://169.254.169.254/latest" }, env)).toThrow(/inside address/);
    expect(() => createWebhookNotifier({ ...config, url: "http://127.0.0.1:1/", allowPrivate: true }, env)).not.toThrow();
  });

  it("refuses a name that leads inside when it connects", async () => {
    const notifier = createWebhookNotifier({ ...config, url: "http://localhost:9/" }, { S: secret() });
    expect(await notifier.deliver({ id: "msg_1", type: "mcp.alert.firing", body: "{}" }, Date.now())).toMatchObject({ status: "failed", error: "E_INSIDE_ADDRESS" });
    await notifier.stop();
    await notifier.stop();
  });
});

describe("the outbox's next step", () => {
  const now = Date.UTC(2026, 2, 2);
  it("ends with a delivery, a receiver that is gone, and the tenth failure", () => {
    expect(afterDelivery(1, { status: "delivered", httpStatus: 204 }, now, 0.5)).toEqual({ status: "delivered", nextAttemptMs: null });
    expect(afterDelivery(1, { status: "gone", httpStatus: 410, error: "" }, now, 0.5)).toEqual({ status: "dead", nextAttemptMs: null });
    expect(afterDelivery(maxAttempts, { status: "failed", httpStatus: 500, error: "" }, now, 0.5).status).toBe("dead");
  });

  it("waits longer after every failure, some 75 hours in all", () => {
    const waits = Array.from({ length: maxAttempts - 1 }, (_, i) => afterDelivery(i + 1, { status: "failed", httpStatus: 500, error: "" }, now, 0.5).nextAttemptMs! - now);
    expect([...waits].sort((a, b) => a - b)).toEqual(waits);
    expect(waits.reduce((a, w) => a + w, 0) / 3600_000).toBeCloseTo(75.6, 0);
  });

  it("waits at least as long as the receiver asks, and spreads its tries", () => {
    expect(afterDelivery(1, { status: "failed", httpStatus: 429, error: "", retryAfterMs: 120_000 }, now, 0).nextAttemptMs).toBe(now + 120_000);
    expect(afterDelivery(3, { status: "failed", httpStatus: 500, error: "" }, now, 0).nextAttemptMs).not.toBe(afterDelivery(3, { status: "failed", httpStatus: 500, error: "" }, now, 0.9).nextAttemptMs);
  });

  it("reads Retry-After as seconds and as a date", () => {
    expect(parseRetryAfter("120", now)).toBe(120_000);
    expect(parseRetryAfter(new Date(now + 60_000).toUTCString(), now)).toBe(60_000);
    expect(parseRetryAfter("soon", now)).toBeUndefined();
    expect(parseRetryAfter("99999999", now)).toBe(24 * 3600_000);
  });
});
