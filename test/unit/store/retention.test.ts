import { describe, expect, it } from "vitest";
import { retentionSchema, rulesOf, ttlIn } from "../../../collector/store/retention.ts";

const rule = (table: string, retention: object = {}) => rulesOf(retentionSchema.parse(retention)).find((one) => one.table === table);

describe("how long rows are kept", () => {
  it("goes by risk tier for calls, and a call without one is kept the longest", () => {
    expect(rule("calls")?.ttl).toBe("toDateTime(ts) + toIntervalDay(multiIf(risk_tier = 'low', 180, risk_tier = 'medium', 400, risk_tier = 'high', 730, 730))");
    expect(rule("calls", { calls: { high: "30d", low: "900d" } })?.ttl).toMatch(/'high', 30, 900\)\)$/);
  });

  it("keeps the register's spans as long as their calls, and other spans for their own time", () => {
    const tier = "SpanAttributes['signalbox.server.risk_tier']";
    expect(rule("otel_traces")?.ttl).toBe(
      `toDateTime(Timestamp) + toIntervalDay(multiIf(SpanAttributes['signalbox.audit.producer'] = '', 30, ${tier} = 'low', 180, ${tier} = 'medium', 400, ${tier} = 'high', 730, 730))`,
    );
    expect(rule("otel_traces_trace_id_ts")?.ttl).toBe("End + toIntervalDay(730)");
  });

  it("keeps payloads for less than the register's least, by tier where that is said", () => {
    expect(rule("payloads")?.ttl).toBe("toDateTime(ts) + toIntervalDay(30)");
    expect(rule("payloads", { payloads: { high: "60d", medium: "30d", low: "1d" } })?.ttl).toBe("toDateTime(ts) + toIntervalDay(multiIf(risk_tier = 'low', 1, risk_tier = 'medium', 30, risk_tier = 'high', 60, 60))");
    expect(rule("payloads", { payloads: "never" })?.ttl).toBeNull();
  });

  it("takes one time for a whole table, or none", () => {
    expect(rule("calls", { calls: "60d" })).toEqual({ table: "calls", kept: [{ tier: "", days: 60 }], ttl: "toDateTime(ts) + toIntervalDay(60)" });
    expect(rule("otel_traces_trace_id_ts", { otel_traces: "never" })?.ttl).toBeNull();
    expect(rule("metric_values")).toEqual({ table: "metric_values", kept: [{ tier: "", days: null }], ttl: null });
  });

  it.each<[object, string]>([
    [{ calls: "3d" }, "too short for the checks of the register"],
    [{ calls: { high: "12000d" } }, "so long that its time would run over"],
    [{ findings: "2w" }, "not in days"],
    [{ payloads: { high: "60d" } }, "without a time for each tier"],
    [{ registry_servers: "30d" }, "of a table that is kept for ever"],
  ])("refuses %j: %s", (retention) => {
    expect(retentionSchema.safeParse(retention).success).toBe(false);
  });

  it("is read back from the engine's words", () => {
    expect(ttlIn("MergeTree PARTITION BY toDate(ts) ORDER BY ts TTL toDateTime(ts) + toIntervalDay(3) SETTINGS index_granularity = 8192")).toBe("toDateTime(ts) + toIntervalDay(3)");
    expect(ttlIn("MergeTree ORDER BY (a, 'TTL x') SETTINGS ttl_only_drop_parts = 1")).toBeNull();
  });
});
