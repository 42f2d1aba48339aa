import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Clock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import type { PayloadSink } from "../../collector/payload/payload.ts";
import { proxyConfigSchema } from "../../proxy/config.ts";
import type { ControlPlane } from "../../proxy/control-plane.ts";
import type { Authentication } from "../../proxy/identity/identity.ts";
import { createKeyAuthenticator } from "../../proxy/identity/key-authenticator.ts";
import type { KeyEntry } from "../../proxy/identity/keys-file.ts";
import type { DecisionInput, DecisionResult, PolicySet } from "../../proxy/policy/decision.ts";
import { serverEntrySchema, type ServerEntry } from "../../proxy/registry/server-entry.ts";
import { createResourceServer } from "../../proxy/identity/oauth/resource-server.ts";
import { createTaskAuthenticator } from "../../proxy/identity/task-authenticator.ts";
import { createHeldArguments } from "../../proxy/people/held-arguments.ts";
import { limitSchema } from "../../proxy/limits/limit.ts";
import { limitSetOf } from "../../proxy/limits/load-limits.ts";
import type { AnswerHandling } from "../../proxy/relay/answer-handling.ts";
import { createProxyApp } from "../../proxy/server.ts";
import type { Control } from "../../proxy/state/command.ts";
import { createLocalControl } from "../../proxy/state/local-control.ts";
import type { TlsOptions } from "../../proxy/transport/tls.ts";
import { createUpstreamCredentials } from "../../proxy/upstream/credentials/credentials.ts";
import { createUpstreams } from "../../proxy/upstream/upstreams.ts";
import { memoryAudit, type MemoryAudit } from "./memory-audit.ts";

export interface TestProxy {
  /** Of the first server. */
  readonly url: string;
  readonly baseUrl: string;
  readonly audit: MemoryAudit;
  readonly control: Control;
  stop(): Promise<void>;
  drain(graceMs: number): Promise<void>;
  /** As if files had changed: these instead of what was said at the start. */
  change(options: Pick<Partial<TestProxyOptions>, "servers" | "decide" | "policies" | "keys">): void;
}

export interface TestProxyOptions {
  readonly servers: readonly unknown[];
  readonly decide?: (input: DecisionInput) => Partial<DecisionResult>;
  /** Rules as files hold them, instead of `decide`. */
  readonly policies?: PolicySet;
  readonly config?: Record<string, unknown>;
  readonly stdioSocket?: string;
  readonly env?: Record<string, string>;
  readonly audit?: MemoryAudit;
  readonly control?: Control;
  readonly handling?: AnswerHandling;
  readonly payloads?: PayloadSink;
  readonly limits?: readonly unknown[];
  readonly clock?: Clock;
  readonly tls?: TlsOptions;
  /** Keys as files hold them, instead of `testKeys`. */
  readonly keys?: readonly KeyEntry[];
  /** For fetching keys and asking issuers, where `config.oauth` names some. */
  readonly fetch?: typeof fetch;
}

/** Keys that the test proxy knows, and whom they stand for. */
export const testKeys = { alice: "key-alice", bob: "key-bob" } as const;
export const asAlice = { authorization: `Bearer ${testKeys.alice}` };
export const asBob = { authorization: `Bearer ${testKeys.bob}` };

/** The real app on a free port, with two callers, rules that a test chooses and an audit log in memory. */
export async function startProxyApp(options: TestProxyOptions): Promise<TestProxy> {
  const audit = options.audit ?? memoryAudit();
  const control = options.control ?? createLocalControl();
  const clock = options.clock ?? systemClock;
  const entriesOf = (servers: readonly unknown[]) => servers.map((server) => serverEntrySchema.parse(server) as ServerEntry);
  const entries = entriesOf(options.servers);
  let plane = controlPlaneOf(entries, options, control);
  const upstreams = createUpstreams({ dataDir: "", env: options.env ?? {}, stdioSocket: options.stdioSocket ?? "" });
  const config = proxyConfigSchema.parse({ ...options.config });
  const { oauth } = config;
  const app = createProxyApp({
    config,
    controlPlane: () => plane(),
    control,
    audit,
    clock,
    logger: silentLogger,
    digestKey: randomBytes(32),
    upstreams,
    credentials: createUpstreamCredentials({ env: options.env ?? {}, baseDir: "", clock, ...(options.fetch ? { fetch: options.fetch } : {}) }),
    ...(oauth
      ? { resourceServer: (publicUrl) => createResourceServer({ config: oauth, publicUrl, control, clock, logger: silentLogger, env: options.env ?? {}, baseDir: "", ...(options.fetch ? { fetch: options.fetch } : {}) }) }
      : {}),
    ...(options.handling ? { handling: options.handling } : {}),
    ...(options.payloads ? { payloads: options.payloads } : {}),
    ...(options.tls ? { tls: options.tls } : {}),
    heldArguments: createHeldArguments({ directory: mkdtempSync(join(tmpdir(), "signalbox-held-")), control, clock: systemClock, logger: silentLogger }),
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const baseUrl = `${options.tls ? "https" : "http"}://127.0.0.1:${port}`;
  return {
    url: `${baseUrl}/mcp/${entries[0]?.name ?? ""}`,
    baseUrl,
    audit,
    control,
    drain: (graceMs) => app.drain(graceMs),
    change: (options_) => void (plane = controlPlaneOf(options_.servers ? entriesOf(options_.servers) : entries, { ...options, ...options_ }, control)),
    stop: async () => {
      await app.close();
      await upstreams.stop();
    },
  };
}

function controlPlaneOf(entries: readonly ServerEntry[], { decide, policies, keys, limits = [] }: Pick<TestProxyOptions, "decide" | "policies" | "limits" | "keys">, control: Control): () => ControlPlane {
  const plane: ControlPlane = {
    registry: { revision: "r1", servers: new Map(entries.map((entry) => [entry.name, entry])) },
    limits: limitSetOf(limits.map((limit) => limitSchema.parse(limit))),
    policies: policies ?? {
      version: "p1",
      decide: (input) => ({ decision: "allow", basis: "explicit", policyIds: ["all"], policyVersion: "p1", reason: "rule", message: "", ...decide?.(input) }),
      // Rules that a test decides by have no conditions that could be asked without arguments.
      mayAllow: (input) => (decide?.(input).decision ?? "allow") !== "deny",
      requirements: () => [],
    },
    authenticator: createTaskAuthenticator(keys ? createKeyAuthenticator(keys, { defaultTaskClass: "unassigned" }) : { authenticate: (authorization, apiKey) => whois(authorization?.replace(/^Bearer /, "") ?? apiKey) }, control),
  };
  return () => plane;
}

function whois(key: string | undefined): Authentication {
  const agent = Object.entries(testKeys).find(([, value]) => value === key)?.[0];
  if (agent === undefined) return { ok: false, why: key === undefined ? "missing" : "unknown" };
  return { ok: true, identity: { agent, principal: `user:${agent}`, delegation: [], credentialId: `key-of-${agent}`, taskId: "", taskClass: "" } };
}

/** A registry entry for an upstream that is already running. */
export function httpServer(url: string, more: Record<string, unknown> = {}): unknown {
  return { name: "fixture", version: "1.0.0", owner: "platform-team", contact: "#platform", lifecycle: "approved", riskTier: "low", endpoint: { transport: "streamable-http", url }, ...more };
}
