import { expect, test } from "vitest";
import { canonicalForm } from "../../../collector/record/canonical.ts";
import { ByteWriter } from "../../../collector/record/byte-writer.ts";
import type { CallRecord, DraftRecord } from "../../../collector/record/call-record.ts";
import { traceRequest } from "../../../collector/record/otlp-encode.ts";
import { RecordWriter } from "../../../collector/record/record-writer.ts";
import { toSpans } from "../../../collector/record/to-span.ts";
import { seededRandom } from "../../support/random.ts";
import { draft } from "../audit/drafts.ts";
import { requestOf } from "./otlp-schema.ts";

const resource = { attributes: [], scopeName: "mcp-signalbox", scopeVersion: "1" };
const random = seededRandom(7);
const one = <T>(...values: T[]): T => random.pick(values);

/** Values of few kinds, so that neighbours often share some and seldom all. */
function any(n: number): DraftRecord {
  return draft(n, {
    agent: one("a", "größe", 'quo"te'),
    tool: one("", "read", "\u0000"),
    method: one("tools/call", "ping"),
    outcome: one("ok", "tool_error", "timeout"),
    errorType: one("", "tool_error", "-32601"),
    policyIds: one([], ["p1"], ["p1", "p2"]),
    dataDomains: one([], ["d"]),
    resourceUri: one("", "x".repeat(3000)),
    upstreamSpanId: one("", "00000000000000cc"),
    upstreamAddress: one("", "host:80", "node"),
    httpStatus: one(0, 200, 403),
    upstreamStatus: one(0, 200, -1),
    requestBytes: n,
    decidedAfterUs: one(null, 5),
    trusted: one(true, false),
    attempts: one(1, 1, 2, 4096),
  });
}

const placeOf = (seq: number) => ({ producer: "px-1", seq, prevHash: "0".repeat(64), hash: one("1", "2").repeat(64) });

test("what is written in one go is what each encoding is defined as, record after record", () => {
  const writer = new RecordWriter();
  for (let n = 1; n <= 400; n++) {
    const record: CallRecord = { ...any(n), ...placeOf(n) };
    const { producer, seq, prevHash, hash, ...rest } = record;
    const place = { producer, seq, prevHash, hash };
    expect(writer.form(rest, place).toString()).toBe(canonicalForm(record));
    const json = new ByteWriter(64);
    writer.json(json, rest, place);
    expect(JSON.parse(json.written().toString())).toEqual(JSON.parse(JSON.stringify(record)));

    const written = new ByteWriter(64);
    writer.spans(written, rest, place);
    expect(Buffer.compare(Buffer.concat(traceRequest(resource, [written.written()])), requestOf(resource, toSpans(record)))).toBe(0);
  }
});

test("a number that is not whole is refused, and refused again", () => {
  const writer = new RecordWriter();
  const place = placeOf(1);
  writer.form(draft(1), place);
  const bad = draft(2, { httpStatus: 1.5 });
  for (let i = 0; i < 2; i++) expect(() => writer.form(bad, place)).toThrow(/http_status is not|1.5 is not a whole number/);
  const good = draft(3);
  expect(writer.form(good, place).toString()).toBe(canonicalForm({ ...good, ...place }));
});
