import { describe, expect, it } from "vitest";
import { Bytes } from "../../../collector/receive/bytes.ts";
import { decodeJson } from "../../../collector/receive/decode-json.ts";
import { decodeProtobuf } from "../../../collector/receive/decode-protobuf.ts";
import { TraceBlock } from "../../../collector/receive/trace-block.ts";
import { encodeProtobuf } from "../../golden/receive/encode-protobuf.ts";
import { request, span } from "./support.ts";

const block = (): TraceBlock => new TraceBlock(1_000_000);

function fromJson(body: object | string): Buffer {
  const b = block();
  decodeJson(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), b);
  return Buffer.concat(b.native());
}

function fromProtobuf(body: object | Buffer): Buffer {
  const b = block();
  decodeProtobuf(Buffer.isBuffer(body) ? body : encodeProtobuf(body), b);
  return Buffer.concat(b.native());
}

/** The text that a value is stored as: an attribute's only String in its column. */
function stored(value: object): string {
  const b = block();
  decodeJson(Buffer.from(JSON.stringify(request(span({ attributes: [{ key: "k", value }] })))), b);
  return b.spanAttributes.values.textFrom(0);
}

describe("attribute values as pdata prints them", () => {
  it.each([
    [{ stringValue: "a" }, "a"],
    [{ boolValue: true }, "true"],
    [{ boolValue: false }, "false"],
    [{ intValue: "-9223372036854775808" }, "-9223372036854775808"],
    [{ intValue: 42 }, "42"],
    [{ intValue: "34359738367" }, "34359738367"],
    [{ doubleValue: 1 }, "1"],
    [{ doubleValue: 0.1 }, "0.1"],
    [{ doubleValue: 1e21 }, "1e+21"],
    [{ doubleValue: 1e-7 }, "1e-7"],
    [{ doubleValue: 123456789012345680000 }, "123456789012345680000"],
    [{ bytesValue: "AAEC/w==" }, "AAEC/w=="],
    [{ arrayValue: { values: [{ stringValue: "a<b>&\u2028" }, { intValue: "9007199254740993" }, { doubleValue: 2.5 }, { boolValue: true }, {}] } }, '["a<b>&\\u2028",9007199254740993,2.5,true,null]'],
    [{ kvlistValue: { values: [{ key: "z", value: { intValue: 1 } }, { key: "a", value: { bytesValue: "AA==" } }, { key: "z", value: { intValue: 2 } }] } }, '{"a":"AA==","z":2}'],
    [{ arrayValue: {} }, "[]"],
    [{ kvlistValue: {} }, "{}"],
    [{}, ""],
  ])("%j is stored as %s, from either encoding", (value, text) => {
    expect(stored(value)).toBe(text);
    const body = request(span({ attributes: [{ key: "k", value }] }));
    expect(fromProtobuf(body).equals(fromJson(body))).toBe(true);
  });

  it("prints what JSON has no number for, and gives up an array that holds it", () => {
    expect(stored({ doubleValue: "NaN" })).toBe("json: unsupported value: NaN");
    expect(stored({ doubleValue: "-Infinity" })).toBe("json: unsupported value: -Inf");
    expect(stored({ arrayValue: { values: [{ doubleValue: "NaN" }] } })).toBe("");
  });

  it("keeps every digit of a nanosecond time that is written as a number", () => {
    const asText = JSON.stringify(request(span({ startTimeUnixNano: "1790000000000000123", endTimeUnixNano: "1790000000000000456" })));
    const asNumber = asText.replace(/"(1790\d+)"/g, "$1");
    expect(asNumber).not.toBe(asText);
    expect(fromJson(asNumber).equals(fromJson(asText))).toBe(true);
  });

  it("keeps keys that mean something to JavaScript", () => {
    const b = block();
    const attributes = ["__proto__", "constructor", "1", ""].map((key) => ({ key, value: { stringValue: key } }));
    decodeJson(Buffer.from(JSON.stringify(request(span({ attributes })))), b);
    expect(b.spanAttributes.keys.view().equals(b.spanAttributes.values.view())).toBe(true);
    expect(b.spanAttributes.entries).toBe(4);
  });
});

describe("the wire form", () => {
  it("skips fields that it does not know, of every wire type", () => {
    const known = encodeProtobuf(request(span()));
    const unknown = Buffer.from([0x98, 0x06, 0x01, 0x9a, 0x06, 0x02, 0xff, 0xff, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xa5, 0x06, 1, 2, 3, 4]);
    expect(fromProtobuf(Buffer.concat([unknown, known, unknown])).equals(fromProtobuf(known))).toBe(true);
  });

  it("finds a resource that stands behind its spans", () => {
    const scopeSpans = encodeProtobuf({ resourceSpans: [{ scopeSpans: [{ spans: [span()] }] }] }).subarray(2);
    // Both messages are shorter than 128 bytes, so lengths are one byte.
    const wrap = (...parts: Buffer[]): Buffer => {
      const inner = Buffer.concat(parts);
      return Buffer.concat([Buffer.from([0x0a, inner.length]), inner]);
    };
    const resource = wrap(wrap(Buffer.from([0x0a, 0x01, 0x6b])));
    expect(fromProtobuf(wrap(scopeSpans, resource)).equals(fromProtobuf(wrap(resource, scopeSpans)))).toBe(true);
  });

  it("takes back everything that a rejected span had written", () => {
    const attributes = [{ key: "k", value: { stringValue: "v" } }];
    const noisy = span({ spanId: "", attributes, events: [{ name: "e", attributes }], links: [{ traceId: "", spanId: "", attributes }] });
    for (const decode of [fromJson, fromProtobuf]) {
      expect(decode(request(span(), noisy, span())).equals(decode(request(span(), span())))).toBe(true);
    }
  });

  it("stores a span that ends before it starts with a duration of 0", () => {
    const b = block();
    decodeProtobuf(encodeProtobuf(request(span({ endTimeUnixNano: "1" }))), b);
    expect(b.duration.view().readBigUInt64LE()).toBe(0n);
  });

  it("survives every cut of a request: it is refused, or decodes to fewer rows", () => {
    const body = encodeProtobuf(request(span({ attributes: [{ key: "k", value: { intValue: "1" } }], events: [{ name: "e" }] })));
    for (let end = 0; end < body.length; end++) {
      const b = block();
      try {
        decodeProtobuf(body.subarray(0, end), b);
        expect(b.rows).toBe(0);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
  });

  it("replaces bytes that are not UTF-8, in short strings and long ones", () => {
    for (const size of [3, 200]) {
      const out = new Bytes();
      const source = Buffer.concat([Buffer.alloc(size, "a"), Buffer.from([0xff, 0xc3])]);
      out.putUtf8(source, 0, source.length);
      expect(out.textFrom(0)).toBe(`${"a".repeat(size)}\ufffd\ufffd`);
    }
  });
});
