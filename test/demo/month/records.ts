import { createHash } from "node:crypto";
import { join } from "node:path";
import { startExporter } from "../../../collector/audit/exporter.ts";
import { openSpool } from "../../../collector/audit/spool.ts";
import { systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { DraftRecord } from "../../../collector/record/call-record.ts";
import type { Random } from "../../support/random.ts";
import { waitFor } from "../../support/wait.ts";
import { servers, toolOf, versionOn } from "./servers.ts";
import { monthStartMs } from "./traffic.ts";
import { day, type MonthCall } from "./work.ts";

/** Records that may wait for the disk at once. */
const atOnce = 2000;

/**
 * Sends the calls through what a proxy worker sends its records through: the spool with its hash chain, the exporter, the
 * collector. Every table then holds what it would hold of real calls, and `audit verify` has a chain to verify. Answers how
 * many records there are; all of them are acknowledged.
 */
export async function record(calls: readonly MonthCall[], to: { dataDir: string; collectorUrl: string; random: Random; onProgress?: (done: number, of: number) => void }): Promise<number> {
  const spool = await openSpool({ dir: join(to.dataDir, "spool/worker-0"), producerPrefix: "px", clock: systemClock, logger: silentLogger, maxBytes: 4e9 });
  const exporter = startExporter({ spool, endpoint: to.collectorUrl, clock: systemClock, logger: silentLogger });
  const numbers = new Map<MonthCall, number>();
  // A record gets its number when its call ends.
  const inOrder = calls.toSorted((a, b) => a.atMs + a.upstreamMs - (b.atMs + b.upstreamMs));
  try {
    for (let i = 0; i < inOrder.length; i += atOnce) {
      const durable = inOrder.slice(i, i + atOnce).map((call) => {
        const { seq, durable } = spool.append(draftOf(call, numbers, to.random));
        numbers.set(call, seq);
        return durable;
      });
      await Promise.all(durable);
      to.onProgress?.(Math.min(i + atOnce, inOrder.length), inOrder.length);
    }
    await waitFor("the collector to acknowledge the month", () => spool.stats.ackedSeq === spool.stats.headSeq, { timeoutMs: 120_000 });
    return spool.stats.headSeq;
  } finally {
    await exporter.stop();
    await spool.stop();
  }
}

const digest = (value: string): string => createHash("sha256").update(`month ${value}`).digest("hex").slice(0, 32);
const hex = (random: Random, digits: number): string => Array.from({ length: digits / 8 }, () => random.int(0, 2 ** 32).toString(16).padStart(8, "0")).join("");

/** Policies and the registry are released now and then; what counts is that every record names those in force. */
const policyVersion = (onDay: number): string => `p-${1 + Math.floor(onDay / 9)}`;
const registryRevision = (onDay: number): string => `r-${1 + Math.floor(onDay / 5)}`;

function draftOf(call: MonthCall, numbers: ReadonlyMap<MonthCall, number>, random: Random): DraftRecord {
  const onDay = Math.floor((call.atMs - monthStartMs) / day);
  const server = servers[call.server]!;
  const { effect, trusted } = toolOf(call.server, call.tool);
  const forwarded = call.denied === undefined;
  const upstreamUs = Math.round(call.upstreamMs * 1000);
  const failed = call.errorType ?? "";
  return {
    receivedUs: call.atMs * 1000 + random.int(0, 1000),
    decidedAfterUs: 60,
    forwardedAfterUs: forwarded ? 120 : null,
    answeredAfterUs: forwarded ? 120 + upstreamUs : null,
    completedAfterUs: call.proxyUs + (forwarded ? upstreamUs : 0),
    proxyUs: call.proxyUs,
    agent: call.agent,
    principal: `${call.agent}@example.com`,
    delegation: [],
    credentialId: `key-${call.agent}`,
    clientName: call.agent,
    clientVersion: "1.0.0",
    clientAddress: "127.0.0.1",
    protocolVersion: "2025-11-25",
    transport: "tcp",
    method: "tools/call",
    rpcId: String(random.int(1, 1_000_000)),
    tool: call.tool,
    prompt: "",
    resourceUri: "",
    sessionId: digest(`session ${call.taskId}`),
    taskId: call.taskId,
    taskClass: call.taskClass,
    traceId: digest(`trace ${call.taskId}`),
    spanId: hex(random, 16),
    parentSpanId: hex(random, 16),
    upstreamSpanId: forwarded ? hex(random, 16) : "",
    upstreamAddress: forwarded ? `${call.server}.example.com:443` : "",
    server: call.server,
    serverVersion: versionOn(call.server, onDay),
    registryRevision: registryRevision(onDay),
    owner: server.owner,
    riskTier: server.riskTier,
    dataDomains: [...server.dataDomains],
    environment: "production",
    effect,
    trusted,
    decision: forwarded ? "allow" : "deny",
    basis: "explicit",
    policyIds: forwarded ? [`${call.agent}-works`] : call.denied.policy === "" ? [] : [call.denied.policy],
    policyVersion: policyVersion(onDay),
    reason: forwarded ? "rule_allows" : call.denied.reason,
    mode: "enforce",
    wouldBe: "",
    attempts: 1,
    outcome: !forwarded ? "denied" : failed === "" ? "ok" : failed === "tool_error" ? "tool_error" : failed === "timeout" ? "timeout" : "transport_error",
    errorType: failed,
    rpcCode: "",
    httpStatus: 200,
    upstreamStatus: forwarded ? 200 : 0,
    requestBytes: 300 + random.int(0, 400),
    resultBytes: forwarded ? 200 + random.int(0, 8000) : 0,
    resultDigest: forwarded ? hex(random, 32) : "",
    arguments: call.args.map(({ path, value, from, score = 0 }) => ({ path, digest: digest(value), flowFromSeq: from === undefined ? null : (numbers.get(from) ?? null), flowScore: score })),
    handling: "pass",
    handlingFindings: [],
    approvalId: "",
    exceptionId: "",
  };
}
