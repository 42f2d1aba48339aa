import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { canonicalJson, requestDigest, type RequestIdentity } from "../../../proxy/people/request-digest.ts";

const keyed = (text: string): string => createHash("sha256").update(`key${text}`).digest("hex").slice(0, 32);
const params = { name: "write_file", arguments: { path: "a", rows: [{ a: 1 }, { b: 2 }] } };
const base: RequestIdentity = { method: "tools/call", server: "files", serverVersion: "1", definitionHash: "sha256:1", params };
const digest = (over: Partial<RequestIdentity> = {}): string => requestDigest({ ...base, ...over }, keyed);
const withArgs = (args: unknown): string => digest({ params: { name: "write_file", arguments: args } });

describe("the digest of a request", () => {
  it("is the same for the same request, in whatever order its members come", () => {
    expect(digest({ params: { arguments: { rows: [{ a: 1 }, { b: 2 }], path: "a" }, name: "write_file" } })).toBe(digest());
    expect(digest()).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each<[string, Partial<RequestIdentity>]>([
    ["method", { method: "prompts/get" }],
    ["server", { server: "other" }],
    ["version of the server", { serverVersion: "2" }],
    ["definition of the tool", { definitionHash: "sha256:2" }],
    ["tool", { params: { ...params, name: "delete_file" } }],
    ["argument", { params: { ...params, arguments: { path: "b", rows: [] } } }],
    ["answer to the server's own questions", { params: { ...params, inputResponses: { who: { action: "accept" } } } }],
    ["state of a round with the server", { params: { ...params, requestState: "s" } }],
    ["metadata that the server may read", { params: { ...params, _meta: { "example.com/dry-run": false } } }],
  ])("differs with another %s", (_what, over) => expect(digest(over)).not.toBe(digest()));

  it("tells apart what has the same leaves", () => {
    const shapes = [[{ a: 1 }, { b: 2 }], [{ a: 1, b: 2 }], [[{ a: 1 }], [{ b: 2 }]]];
    expect(new Set(shapes.map((rows) => withArgs({ rows }))).size).toBe(shapes.length);
    expect(withArgs({ n: 5 })).not.toBe(withArgs({ n: "5" }));
    expect(withArgs({ n: 9007199254740993n })).not.toBe(withArgs({ n: 9007199254740992n }));
  });

  it("covers arguments to the last of many", () => {
    const rows = Array.from({ length: 2000 }, (_, i) => i);
    expect(withArgs({ rows })).not.toBe(withArgs({ rows: [...rows.slice(0, -1), -1] }));
  });

  it("is not moved by what a client sends afresh each time", () => {
    const _meta = { progressToken: 7, traceparent: "00-1", "io.modelcontextprotocol/clientInfo": { name: "c" } };
    expect(digest({ params: { ...params, _meta } })).toBe(digest());
  });

  it("cannot be computed without the key", () => {
    expect(requestDigest(base, (text) => createHash("sha256").update(text).digest("hex"))).not.toBe(digest());
  });
});

describe("canonical JSON", () => {
  it("orders members and keeps lists, members named like the prototype's, and digits", () => {
    expect(canonicalJson(JSON.parse('{"b":[2,1],"a":{"__proto__":1,"d":null}}'))).toBe('{"a":{"__proto__":1,"d":null},"b":[2,1]}');
    expect(canonicalJson({ n: 12345678901234567890n, gone: undefined })).toBe('{"n":12345678901234567890}');
  });
});
