import { createHmac } from "node:crypto";
import { SignalboxError } from "../../../collector/kernel/errors.ts";

/** Standard Webhooks: the key is what follows `whsec_`, base64, 24 to 64 bytes. */
export function parseSecret(name: string, secret: string): Buffer {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.alloc(0);
  if (key.length < 24 || key.length > 64) {
    throw new SignalboxError("E_WEBHOOK_SECRET", `the secret of webhook "${name}" is not usable`, {
      remedy: 'it is "whsec_" followed by 24 to 64 random bytes in base64',
    });
  }
  return key;
}

/** The three headers of a delivery. Two keys give two signatures, and the receiver accepts either. */
export function signatureHeaders(keys: readonly Buffer[], id: string, nowMs: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signatures = keys.map((key) => `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`);
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
