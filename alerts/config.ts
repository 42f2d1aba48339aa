import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { ConfigSource } from "../collector/kernel/config.ts";

const envRef = z.string().regex(/^\$\{env:[A-Za-z_][A-Za-z0-9_]*\}$/, "write it as ${env:NAME}, so that no secret stands in the file");

export const webhookConfigSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and hyphens, at most 63"),
  url: z.url({ protocol: /^https?$/ }),
  /** `whsec_` and 24 to 64 bytes in base64, from the environment. */
  secret: envRef,
  /** Signs as well while receivers move to a new secret. */
  previousSecret: envRef.optional(),
  /** Loopback and private addresses are refused unless the receiver is known to live there. */
  allowPrivate: z.boolean().default(false),
  timeoutMs: z.int().min(1_000).max(30_000).default(15_000),
  /** False: only firing alerts are sent. */
  sendResolved: z.boolean().default(true),
});

export const alertsConfigSchema = z
  .strictObject({
    /** The directory of rule files, relative to `signalbox.yaml`. Without it the rules inside the package are used. */
    rules: z.string().optional(),
    webhooks: z.array(webhookConfigSchema).max(20).default([]),
    evaluateEveryMs: z.int().min(1_000).default(15_000),
    /** A detector that has not finished a run for this long is said to be silent; its alerts keep their state. */
    staleAfterMs: z.int().positive().default(15 * 60_000),
    /** Active alerts of one rule; more are counted and not opened. */
    maxActivePerRule: z.int().positive().default(200),
    /** What links in notifications start with; the backend's own address where it is not given. */
    consoleUrl: z.url({ protocol: /^https?$/ }).optional(),
  })
  .refine((c) => new Set(c.webhooks.map((w) => w.name)).size === c.webhooks.length, { path: ["webhooks"], message: "two webhooks have the same name" });

/** With the address known. */
export type AlertingConfig = AlertsConfig & { readonly consoleUrl: string };
export type AlertsConfig = z.infer<typeof alertsConfigSchema>;
export type WebhookConfig = z.infer<typeof webhookConfigSchema>;

export const packagedRulesDir = fileURLToPath(new URL("./rules", import.meta.url));

/** The rules in force: the configured directory, or those inside the package. */
export function rulesDir(source: ConfigSource): string {
  const { rules } = source.section("alerts", alertsConfigSchema);
  return rules ? resolve(source.baseDir, rules) : packagedRulesDir;
}
