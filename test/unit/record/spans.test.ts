import { describe, expect, test } from "vitest";
import { link } from "../../../collector/audit/chain.ts";
import { GENESIS_HASH, canonicalForm, recordHash } from "../../../collector/record/canonical.ts";
import type { CallRecord, DraftRecord } from "../../../collector/record/call-record.ts";
import { RecordWriter } from "../../../collector/record/record-writer.ts";
import { attributeKeys, toAttributes } from "../../../collector/record/to-attributes.ts";
import { clientSpan, serverSpan, toSpans } from "../../../collector/record/to-span.ts";
import { draft } from "../audit/drafts.ts";
import { decodeRequest, requestOf } from "./otlp-schema.ts";

function record(changes: Partial<DraftRecord> = {}): CallRecord {
  const linked = link(new RecordWriter(), "px-00000001", { seq: 0, hash: GENESIS_HASH }, draft(1, changes));
  return { ...linked.draft, ...linked.place };
}

const resource = { attributes: [["service.name", "signalbox-proxy"]] as const, scopeName: "mcp-signalbox", scopeVersion: "1" };

function encode(...records: CallRecord[]) {
  return decodeRequest(requestOf(resource, records.flatMap(toSpans)));
}

describe("attributes", () => {
  test("come in bytewise key order, which is the order of the hash chain", () => {
    const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    expect([...attributeKeys].sort(bytes)).toEqual(attributeKeys);
    expect(new Set(attributeKeys).size).toBe(attributeKeys.length);
  });

  test("leave out what is empty and keep zero", () => {
    const keys = toAttributes(record({ tool: "", delegation: [], requestBytes: 0, decidedAfterUs: null })).map(([key]) => key);
    expect(keys).not.toContain("gen_ai.tool.name");
    expect(keys).not.toContain("signalbox.delegation");
    expect(keys).not.toContain("signalbox.time.decided_us");
    expect(keys).toContain("signalbox.request.bytes");
  });

  test("say how many attempts a record is of where that is not one, or was not known yet", () => {
    const attempts = (r: CallRecord) => toAttributes(r).filter(([key]) => key === "signalbox.decision.attempts").map(([, value]) => value);
    const { attempts: _, ...before } = record();
    expect([record({ attempts: 1 }), record({ attempts: 180 }), before as CallRecord].map(attempts)).toEqual([[], [180], []]);
    expect(recordHash(before as CallRecord)).toBe(recordHash(record()));
  });
});

describe("the canonical form", () => {
  test("frames every value by its length in bytes and holds all attributes but the hash", () => {
    const r = record({ tool: "größe" });
    const form = canonicalForm(r);
    expect(form).toContain("16:gen_ai.tool.name7:größe");
    expect(form).not.toContain(r.hash);
    for (const [key] of toAttributes(r)) if (key !== "signalbox.audit.hash") expect(form).toContain(`${key.length}:${key}`);
  });

  test("differs where text moved from one value to the next", () => {
    expect(recordHash(record({ agent: "ab", principal: "c" }))).not.toBe(recordHash(record({ agent: "a", principal: "bc" })));
  });
});

describe("spans of a record", () => {
  test("survive encoding: ids, times to the microsecond, and every attribute as text", () => {
    const r = record({ tool: "naïve \u0000 \"tool\" 😀", parentSpanId: "00000000000000aa", receivedUs: 1_763_800_000_123_457 });
    const { resource: decodedResource, spans } = encode(r);
    expect(decodedResource).toEqual({ "service.name": "signalbox-proxy" });
    expect(spans[0]).toMatchObject({
      traceId: r.traceId,
      spanId: r.spanId,
      parentSpanId: "00000000000000aa",
      kind: 2,
      startTimeUnixNano: 1_763_800_000_123_457_000n,
      endTimeUnixNano: 1_763_800_000_125_557_000n,
      status: null,
      attributes: Object.fromEntries(toAttributes(r).map(([key, value]) => [key, String(value)])),
    });
    expect(spans[0]?.keys).toEqual(toAttributes(r).map(([key]) => key));
  });

  test.each([1, 39, 40, 100, 127, 128, 129, 200, 16_383, 16_384, 70_000])("survive encoding with a value of %i characters", (length) => {
    for (const character of ["x", "é", "漢", "😀"]) {
      const reason = character.repeat(length).slice(0, length).toWellFormed();
      expect(encode(record({ reason })).spans[0]?.attributes["signalbox.decision.reason"]).toBe(reason);
    }
  });

  test.each([0, 1, 127, 128, 16_384, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER])("survive encoding with the number %i", (requestBytes) => {
    expect(encode(record({ requestBytes })).spans[0]?.attributes["signalbox.request.bytes"]).toBe(String(requestBytes));
  });

  test("have a CLIENT span for the upstream attempt, inside the SERVER span", () => {
    const { spans } = encode(record());
    expect(spans[1]).toMatchObject({
      kind: 3,
      parentSpanId: draft(1).spanId,
      spanId: draft(1).upstreamSpanId,
      startTimeUnixNano: BigInt(draft(1).receivedUs + 60) * 1000n,
      endTimeUnixNano: BigInt(draft(1).receivedUs + 2060) * 1000n,
      attributes: { "server.address": "orders.internal", "server.port": "8443", "network.transport": "tcp", "gen_ai.tool.name": "search_orders" },
    });
    expect(spans[1]?.attributes["signalbox.audit.seq"]).toBeUndefined();
  });

  test("have no CLIENT span where nothing was forwarded", () => {
    expect(toSpans(record({ upstreamSpanId: "", outcome: "denied", forwardedAfterUs: null, answeredAfterUs: null }))).toHaveLength(1);
  });

  test.each([
    ["[::1]:9000", { host: "::1", port: 9000, transport: "tcp" }],
    ["mcp-server-files", { host: "mcp-server-files", port: undefined, transport: "pipe" }],
  ])("say where %s is", (upstreamAddress, { host, port, transport }) => {
    const attributes = Object.fromEntries(clientSpan(record({ upstreamAddress }))?.attributes ?? []);
    expect(attributes).toMatchObject({ "server.address": host, "network.transport": transport });
    expect(attributes["server.port"]).toBe(port);
  });

  test.each<[string, Partial<DraftRecord>, number, number]>([
    ["success", {}, 0, 0],
    ["a tool error", { outcome: "tool_error", errorType: "tool_error" }, 2, 2],
    ["invalid params: the client's fault at the server span, an error at the client span", { outcome: "rpc_error", errorType: "-32602", rpcCode: "-32602" }, 0, 2],
    ["the same without an error type, as the conventions have it", { outcome: "rpc_error", errorType: "", rpcCode: "-32602" }, 0, 2],
    ["an internal error", { outcome: "rpc_error", errorType: "-32603", rpcCode: "-32603" }, 2, 2],
    ["a timeout", { outcome: "timeout", errorType: "timeout", answeredAfterUs: null }, 2, 2],
    ["a result that the proxy withheld", { outcome: "quarantined", errorType: "quarantined" }, 2, 0],
  ])("have the status of %s", (_name, changes, server, client) => {
    expect(serverSpan(record(changes)).status).toBe(server);
    expect(clientSpan(record(changes))?.status).toBe(client);
  });
});
