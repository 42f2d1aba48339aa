import { z } from "zod";
import { clientCertificatesSchema } from "./identity/client-certificates.ts";
import { oauthConfigSchema } from "./identity/oauth/config.ts";
import { tlsSchema } from "./transport/tls.ts";
import { isWildcard } from "./transport/host-check.ts";

/** What becomes of a call that can't be recorded, because the spool is full or its disk has failed: refused with the reason
 * `audit_unavailable`, or let through, counted, and on record by number as soon as records are taken again. */
const whenUnrecorded = z.enum(["block", "continue"]).default("block");

/** Paths are relative to `signalbox.yaml`. Without a `registry` the sample configuration inside the package is used. */
export const proxyConfigSchema = z.strictObject({
  host: z.string().default("127.0.0.1"),
  port: z.int().min(0).max(65535).default(7070),
  /** The URL that agents reach the proxy under, where it is not http://host:port. */
  publicUrl: z.url().optional(),
  /** Absent, the proxy speaks plain HTTP, and TLS ends in front of it. */
  tls: tlsSchema.optional(),
  /** 0: one per core. */
  workers: z.int().min(0).max(256).default(0),
  registry: z.string().optional(),
  policies: z.string().optional(),
  keys: z.string().optional(),
  environment: z.string().default("development"),
  defaultTaskClass: z.string().default("unassigned"),
  /** The classes that a task may have; absent, any name is one. */
  taskClasses: z.array(z.string().min(1)).optional(),
  /** The agent that callers without a credential are taken for. Absent, they are refused. */
  anonymousAgent: z.string().optional(),
  /** The age in days at which `signalbox identities` calls a key overdue. */
  keyRotationDays: z.int().positive().default(90),
  /** Access tokens of authorization servers, beside keys and tasks' tokens (identity/README.md). */
  oauth: oauthConfigSchema.optional(),
  /** Callers that are known by mutual TLS, here or at a proxy in front of this one; asked for those who send no other credential. */
  clientCertificates: clientCertificatesSchema.optional(),
  maxBodyBytes: z.int().positive().default(4 * 1024 * 1024),
  maxResultBytes: z.int().positive().default(32 * 1024 * 1024),
  /** Requests that one worker holds at once; the next one gets 503 with Retry-After. */
  maxInFlight: z.int().positive().default(2048),
  /** How often it is asked of an open stream whether its caller would still be let in. */
  streamCheckMs: z.int().min(10).default(5000),
  /** Host headers besides loopback names that are accepted, and Origins besides loopback ones. */
  allowedHosts: z.array(z.string()).default([]),
  allowedOrigins: z.array(z.string()).default([]),
  /** So many denials of one kind within the window, and the next ones are counted in one record a second (README,
   * "Retry storms"); false gives each a record of its own. */
  denialBreaker: z
    .union([z.literal(false), z.strictObject({ denials: z.int().positive().default(20), windowMs: z.int().positive().default(10_000) })])
    .prefault({}),
  /** Bytes of unacknowledged records that a worker keeps; beyond it `whenAuditUnavailable` decides. */
  spoolMaxBytes: z.int().positive().default(2 * 1024 * 1024 * 1024),
  /** By the server's risk tier; what has no tier is blocked. */
  whenAuditUnavailable: z.strictObject({ low: whenUnrecorded, medium: whenUnrecorded, high: whenUnrecorded }).prefault({}),
}).refine(({ oauth, host, publicUrl }) => !oauth || publicUrl !== undefined || !isWildcard(host), {
  path: ["publicUrl"],
  message: "access tokens are issued for a URL, and a proxy that listens on every address has none of its own: name it here",
}).refine(({ tls, clientCertificates }) => !clientCertificates || clientCertificates.trustedProxies.length > 0 || tls?.clientCa !== undefined, {
  path: ["clientCertificates", "trustedProxies"],
  message: "nobody's certificate would ever be believed: name the proxies that check them, or in proxy.tls.clientCa who vouches for clients here",
}).refine(({ tls, clientCertificates }) => tls?.clientCa === undefined || clientCertificates !== undefined, {
  path: ["tls", "clientCa"],
  message: "says who vouches for clients, and clientCertificates is to say whom they stand for",
});

/** Where the proxy listens, as a URL. */
export const ownUrl = ({ tls, host, port }: Pick<ProxyConfig, "tls" | "host" | "port">): string => `${tls ? "https" : "http"}://${host}:${port}`;

export type ProxyConfig = z.infer<typeof proxyConfigSchema>;
