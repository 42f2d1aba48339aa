import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { decodeMessage, encodeProtobuf } from "../../golden/receive/encode-protobuf.ts";
import { fakeStore, receiver, request, span, SPAN_ID, TRACE_ID } from "./support.ts";

const json = { "content-type": "application/json" };
const protobuf = { "content-type": "application/x-protobuf" };
const post = { method: "POST", url: "/v1/traces" } as const;
const bad = span({ spanId: "0000000000000000" });

let app: ReturnType<typeof receiver>;
afterEach(() => app.close());

function start(overrides: Parameters<typeof receiver>[1] = {}) {
  const store = fakeStore();
  app = receiver(store, overrides);
  return store;
}

describe("what a sender is told", () => {
  it("answers success in JSON to JSON, after the insert", async () => {
    const store = start();
    const response = await app.inject({ ...post, headers: json, payload: request(span()) });
    expect(response.statusCode).toBe(200);
    expect(response.headers["content-type"]).toContain("application/json");
    expect(response.json()).toEqual({});
    expect(store.inserted).toMatchObject([{ rows: 1 }]);
  });

  it("answers success in protobuf to protobuf", async () => {
    const store = start();
    const response = await app.inject({ ...post, headers: protobuf, payload: encodeProtobuf(request(span())) });
    expect(response.statusCode).toBe(200);
    expect(response.headers["content-type"]).toBe("application/x-protobuf");
    expect(response.rawPayload).toHaveLength(0);
    expect(store.inserted).toMatchObject([{ rows: 1 }]);
  });

  it("takes an empty request without touching the store", async () => {
    const store = start();
    for (const [headers, payload] of [[json, "{}"], [protobuf, Buffer.alloc(0)]] as const) {
      expect((await app.inject({ ...post, headers, payload })).statusCode).toBe(200);
    }
    expect(store.inserted).toEqual([]);
  });

  it("takes a body in gzip", async () => {
    const store = start();
    const payload = gzipSync(JSON.stringify(request(span())));
    const response = await app.inject({ ...post, headers: { ...json, "content-encoding": "gzip" }, payload });
    expect(response.statusCode).toBe(200);
    expect(store.inserted).toHaveLength(1);
  });

  it("stores the good spans of a request and says how many it could not store and why", async () => {
    const store = start();
    const mixed = request(span(), bad);
    const inJson = await app.inject({ ...post, headers: json, payload: mixed });
    expect(inJson.json()).toEqual({ partialSuccess: { rejectedSpans: "1", errorMessage: "span_id must be 8 bytes and not all zero" } });
    const inProtobuf = await app.inject({ ...post, headers: protobuf, payload: encodeProtobuf(mixed) });
    expect(decodeMessage("Response", inProtobuf.rawPayload)).toEqual({
      partialSuccess: { rejectedSpans: 1, errorMessage: "span_id must be 8 bytes and not all zero" },
    });
    expect(store.inserted.map((i) => i.rows)).toEqual([1, 1]);
  });

  it("rejects every span that it can't store as it is", async () => {
    start();
    const unstorable = [
      span({ traceId: "" }),
      span({ traceId: "0".repeat(32) }),
      span({ traceId: TRACE_ID.slice(2) }),
      span({ spanId: "" }),
      span({ parentSpanId: "ab" }),
      span({ startTimeUnixNano: "4294967296000000000" }),
      span({ startTimeUnixNano: "18446744073709551615" }),
      span({ events: [{ name: "late", timeUnixNano: "18446744073709551615" }] }),
      span({ links: [{ traceId: "abcd", spanId: SPAN_ID }] }),
    ];
    for (const one of unstorable) {
      for (const [headers, payload] of [[json, JSON.stringify(request(one))], [protobuf, encodeProtobuf(request(one))]] as const) {
        const response = await app.inject({ ...post, headers, payload });
        expect(response.statusCode).toBe(200);
      }
    }
    const health = (await app.inject("/healthz")).json();
    expect(health).toMatchObject({ stored: 0, rejected: unstorable.length * 2 });
  });

  it.each([
    ["JSON that is cut off", json, '{"resourceSpans":['],
    ["JSON of another shape", json, '{"resourceSpans":{}}'],
    ["an attribute whose value is no object", json, JSON.stringify(request(span({ attributes: [{ key: "a", value: 1 }] })))],
    ["protobuf that is cut off", protobuf, encodeProtobuf(request(span())).subarray(0, 40)],
    ["protobuf whose inner field is longer than its message", protobuf, Buffer.from([0x0a, 0x02, 0x0a, 0x7f])],
    ["bytes that are not protobuf", protobuf, Buffer.from("hello, collector")],
    ["gzip that is not gzip", { ...json, "content-encoding": "gzip" }, "hello"],
    ["gzip that is cut off", { ...json, "content-encoding": "gzip" }, gzipSync("{}").subarray(0, 12)],
    ["a batch name of another form", { ...json, "x-signalbox-batch": "px:9-1" }, "{}"],
  ])("refuses %s with 400 and a status in the same encoding", async (_what, headers, payload) => {
    const store = start();
    const response = await app.inject({ ...post, headers, payload });
    expect(response.statusCode).toBe(400);
    const status = headers["content-type"] === "application/json" ? response.json() : decodeMessage("RpcStatus", response.rawPayload);
    expect(status).toMatchObject({ code: 3, message: expect.stringMatching(/\w/) });
    expect(store.inserted).toEqual([]);
  });

  it("refuses attributes that are nested without end", async () => {
    start();
    let value: object = { stringValue: "x" };
    for (let i = 0; i < 40; i++) value = { arrayValue: { values: [value] } };
    const deep = request(span({ attributes: [{ key: "deep", value }] }));
    for (const [headers, payload] of [[json, JSON.stringify(deep)], [protobuf, encodeProtobuf(deep)]] as const) {
      expect((await app.inject({ ...post, headers, payload })).statusCode).toBe(400);
    }
  });

  it("refuses other content types and encodings with 415, other methods with 405, other signals with 404", async () => {
    start();
    expect((await app.inject({ ...post, headers: { "content-type": "text/plain" }, payload: "{}" })).statusCode).toBe(415);
    expect((await app.inject({ ...post, payload: "" })).statusCode).toBe(415);
    expect((await app.inject({ ...post, headers: { ...json, "content-encoding": "br" }, payload: "{}" })).statusCode).toBe(415);
    const get = await app.inject("/v1/traces");
    expect([get.statusCode, get.headers.allow]).toEqual([405, "POST"]);
    for (const signal of ["logs", "metrics"]) {
      const response = await app.inject({ method: "POST", url: `/v1/${signal}`, headers: json, payload: "{}" });
      expect(response.statusCode).toBe(404);
      expect(response.json().message).toContain(`no ${signal}`);
    }
    expect((await app.inject("/elsewhere")).statusCode).toBe(404);
  });
});

describe("limits", () => {
  it("refuses a body over the limit with 413", async () => {
    const store = start({ maxBodyBytes: 1000 });
    const payload = JSON.stringify(request(span({ name: "x".repeat(1000) })));
    const response = await app.inject({ ...post, headers: json, payload });
    expect([response.statusCode, response.json()]).toEqual([413, { code: 8, message: "the body exceeds 1000 bytes" }]);
    expect(store.inserted).toEqual([]);
  });

  it("stops expanding a small body that would become a large one", async () => {
    start({ maxDecompressedBytes: 50_000 });
    const payload = gzipSync(Buffer.alloc(5_000_000, " "));
    expect(payload.length).toBeLessThan(10_000);
    const response = await app.inject({ ...post, headers: { ...json, "content-encoding": "gzip" }, payload });
    expect(response.statusCode).toBe(413);
  });

  it("refuses a body whose large resource would be repeated in very many rows", async () => {
    const store = start();
    const resource = { attributes: [{ key: "filler", value: { stringValue: "x".repeat(20_000) } }] };
    const body = { resourceSpans: [{ resource, scopeSpans: [{ spans: Array.from({ length: 200 }, () => span()) }] }] };
    for (const [headers, payload] of [[json, JSON.stringify(body)], [protobuf, encodeProtobuf(body)]] as const) {
      expect((await app.inject({ ...post, headers, payload })).statusCode).toBe(413);
    }
    expect(store.inserted).toEqual([]);
  });

  it("refuses spans of more days than the store takes in one insert", async () => {
    start();
    const day = 86_400_000_000_000n;
    const spans = Array.from({ length: 101 }, (_, i) => span({ startTimeUnixNano: String(1_790_000_000_000_000_000n + BigInt(i) * day) }));
    const response = await app.inject({ ...post, headers: json, payload: request(...spans) });
    expect([response.statusCode, response.json().message]).toEqual([400, "spans of 101 days in one request; at most 100 are taken"]);
  });

  it("tells the next sender to come back while every place is taken, and serves it afterwards", async () => {
    const store = start({ maxInFlight: 2 });
    const waiting: (() => void)[] = [];
    store.before = () => new Promise((resolve) => waiting.push(resolve));
    const send = () => app.inject({ ...post, headers: json, payload: request(span()) });
    const first = [send(), send()];
    await expect.poll(() => waiting.length).toBe(2);

    const refused = await send();
    expect([refused.statusCode, refused.headers["retry-after"], refused.json().code]).toEqual([429, "1", 8]);

    for (const resume of waiting) resume();
    expect((await Promise.all(first)).map((r) => r.statusCode)).toEqual([200, 200]);
    store.before = async () => undefined;
    expect((await send()).statusCode).toBe(200);
  });

  it("answers 503 with Retry-After, never 200, while the store does not acknowledge", async () => {
    const store = start();
    store.before = () => Promise.reject(Object.assign(new Error("connect"), { code: "ECONNREFUSED" }));
    const inJson = await app.inject({ ...post, headers: json, payload: request(span()) });
    expect([inJson.statusCode, inJson.headers["retry-after"]]).toEqual([503, "5"]);
    expect(inJson.json()).toEqual({ code: 14, message: "the store did not answer (ECONNREFUSED)" });
    const inProtobuf = await app.inject({ ...post, headers: protobuf, payload: encodeProtobuf(request(span())) });
    expect(inProtobuf.statusCode).toBe(503);
    expect(decodeMessage("RpcStatus", inProtobuf.rawPayload)).toMatchObject({ code: 14 });
  });
});

describe("health", () => {
  it("is alive whatever the store does, and ready only with it", async () => {
    const store = start();
    expect((await app.inject("/readyz")).statusCode).toBe(200);
    store.problem = async () => "the store did not answer (ECONNREFUSED)";
    const ready = await app.inject("/readyz");
    expect([ready.statusCode, ready.json().problem]).toEqual([503, "the store did not answer (ECONNREFUSED)"]);
    expect((await app.inject("/healthz")).statusCode).toBe(200);
  });
});

describe("the deduplication token", () => {
  const token = async (...spans: object[]): Promise<string | undefined> => {
    const store = start();
    await app.inject({ ...post, headers: json, payload: request(...spans) });
    return store.inserted[0]?.token;
  };
  const other = span({ spanId: "0000000000000001" });

  it("is the same for the same spans in any order and either encoding", async () => {
    const there = await token(span(), other);
    expect(await token(other, span())).toBe(there);
    const store = start();
    await app.inject({ ...post, headers: protobuf, payload: encodeProtobuf(request(span(), other)) });
    expect(store.inserted[0]?.token).toBe(there);
  });

  it("differs when a span is added", async () => {
    expect(await token(span(), other)).not.toBe(await token(span()));
  });

  it("carries the batch's name, and one name on two batches does not make them one", async () => {
    const store = start();
    const headers = { ...json, "x-signalbox-batch": "px-7f3a9c21:101-600" };
    const audit = (seq: number) =>
      span({ attributes: [{ key: "signalbox.audit.producer", value: { stringValue: "px-7f3a9c21" } }, { key: "signalbox.audit.seq", value: { intValue: seq } }] });
    for (const seq of [101, 102, 101]) await app.inject({ ...post, headers, payload: request(audit(seq)) });
    const tokens = store.inserted.map((i) => i.token);
    expect(tokens[0]).toMatch(/^px-7f3a9c21:101-600#[0-9a-f]{64}$/);
    expect(tokens[1]).not.toBe(tokens[0]);
    expect(tokens[2]).toBe(tokens[0]);
  });
});
