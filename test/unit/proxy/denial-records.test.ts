import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { DraftRecord, RiskTier } from "../../../collector/record/call-record.ts";
import { recordDenials } from "../../../proxy/relay/denial-records.ts";
import type { Exchange, Recorded } from "../../../proxy/relay/exchange.ts";
import { memoryAudit } from "../../support/memory-audit.ts";
import { seededRandom } from "../../support/random.ts";
import { draft } from "../audit/drafts.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const tiers: Readonly<Record<string, RiskTier>> = { low: "low", vault: "high" };

function desk(breaker: Parameters<typeof recordDenials>[0]["breaker"] = { denials: 4, windowMs: 5000 }) {
  const clock = manualClock(1_000_000);
  const audit = memoryAudit();
  const denials = recordDenials({ audit, clock, logger: silentLogger, breaker, riskTierOf: (server) => tiers[server] ?? "" });
  let sent = 0;
  return {
    audit,
    denials,
    pass(ms: number) {
      clock.advanceMs(ms);
      vi.advanceTimersByTime(ms);
    },
    /** One message's way through; throws where it cannot be recorded, which is answered as that. */
    send(changes: Partial<DraftRecord> = {}): Recorded {
      const one = draft(++sent, { decision: "deny", outcome: "denied", server: "low", riskTier: "", ...changes });
      const exchange = {
        call: { draft: () => one },
        record: () => ({ callId: `memory-${audit.append(one).seq}`, durable: Promise.resolve() }),
        counted: () => {},
      };
      return denials.record(exchange as unknown as Exchange, one);
    },
  };
}

const attempts = (records: readonly DraftRecord[]) => records.map((record) => record.attempts);
const total = (records: readonly DraftRecord[]) => records.reduce((sum, record) => sum + record.attempts, 0);

test("the first denials have records of their own, what repeats them names the last of these and is counted once a second", () => {
  const { audit, send, pass } = desk();
  const answers = Array.from({ length: 10 }, () => send());
  expect(answers.map((a) => [a.callId, a.repeats ?? false])).toEqual([1, 2, 3, 4].map((n) => [`memory-${n}`, false]).concat(Array.from({ length: 6 }, () => ["memory-4", true])));
  expect(attempts(audit.records)).toEqual([1, 1, 1, 1]);
  pass(1000);
  expect(attempts(audit.records)).toEqual([1, 1, 1, 1, 6]);
  expect(audit.records[4]).toEqual({ ...draft(5, { decision: "deny", outcome: "denied", server: "low", riskTier: "" }), attempts: 6 });
  pass(1000);
  expect(audit.records).toHaveLength(5);
  pass(4000);
  expect(send().repeats).toBeUndefined();
});

test("what is not a denial, is of a high-risk server, or is of a proxy without a breaker, always has its own record", () => {
  for (const [changes, breaker] of [
    [{ riskTier: "high" }, undefined],
    [{ server: "vault" }, undefined],
    [{ outcome: "held", decision: "hold" }, undefined],
    [{ outcome: "transport_error" }, undefined],
    [{}, false],
  ] as const) {
    const { audit, send, pass } = desk(breaker);
    for (let i = 0; i < 50; i++) expect(send(changes).repeats).toBeUndefined();
    pass(1000);
    expect(attempts(audit.records)).toEqual(Array.from({ length: 50 }, () => 1));
  }
});

test("nothing is counted that cannot be recorded, and what was counted waits until it can be", () => {
  const { audit, send, pass } = desk();
  for (let i = 0; i < 7; i++) send();
  audit.available = false;
  expect(() => send()).toThrow(/spool is full/);
  pass(3000);
  expect(total(audit.records)).toBe(4);
  audit.available = true;
  pass(1000);
  expect(attempts(audit.records)).toEqual([1, 1, 1, 1, 3]);
});

test.each(Array.from({ length: 40 }, (_, seed) => seed))("every attempt that was answered as denied is in exactly one record, whatever comes in whatever order (seed %i)", async (seed) => {
  const random = seededRandom(seed);
  const { audit, denials, send, pass } = desk({ denials: random.int(1, 6), windowMs: random.int(100, 8000) });
  const who = (r: Pick<DraftRecord, "agent" | "server" | "tool">) => `${r.agent} ${r.server} ${r.tool}`;
  const answered = new Map<string, number>();
  const ownOf = new Map<string, string>();
  const step = () => {
    if (random.next() < 0.1) return pass(random.int(0, random.pick([50, 1500, 10_000])));
    if (random.next() < 0.02) audit.available = !audit.available;
    const one = { agent: random.pick(["a", "a", "a", "b"]), server: random.pick(["low", "low", "vault", "other"]), tool: random.pick(["t", "t", "u"]) };
    try {
      const { callId, repeats } = send(one);
      answered.set(who(one), (answered.get(who(one)) ?? 0) + 1);
      if (repeats) expect(ownOf.get(callId)).toBe(who(one));
      else ownOf.set(callId, who(one));
    } catch {
      expect(audit.available).toBe(false);
    }
  };
  for (let i = 0; i < 3000; i++) step();
  audit.available = true;
  await denials.stop();
  // A straggler that is refused while the worker ends.
  for (let i = 0; i < 20; i++) step();
  const recorded = new Map<string, number>();
  for (const record of audit.records) {
    recorded.set(who(record), (recorded.get(who(record)) ?? 0) + record.attempts);
    if (record.attempts > 1) expect(record.server).not.toBe("vault");
  }
  expect(recorded).toEqual(answered);
  expect(Math.max(...attempts(audit.records))).toBeGreaterThan(1);
});
