import type { IncomingHttpHeaders } from "node:http";
import { expect, test } from "vitest";
import { ResponseParser } from "../../../proxy/upstream/http/response-parser.ts";

interface Told {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  end: { reusable: boolean; keepMs: number | null } | null;
}

/** Reads one response that comes in these pieces, and then the end of the connection where `closes`. */
function read(pieces: readonly (string | Buffer)[], closes = false): Told {
  const told: Told = { status: 0, headers: {}, body: "", end: null };
  const parser = new ResponseParser({
    head(status, headers) {
      told.status = status;
      told.headers = headers;
    },
    body: (piece) => void (told.body += piece.toString("latin1")),
    end: (reusable, keepMs) => void (told.end = { reusable, keepMs }),
  });
  parser.begin();
  for (const piece of pieces) parser.push(Buffer.from(piece as string, "latin1"));
  if (closes) parser.close();
  return told;
}

const reused = { reusable: true, keepMs: null };
const given = { reusable: false, keepMs: null };

const good: [what: string, text: string, told: Partial<Told>, closes?: boolean][] = [
  ["a body of a length", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", { status: 200, headers: { "content-type": "text/plain", "content-length": "5" }, body: "hello", end: reused }],
  ["no body", "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", { status: 202, body: "", end: reused }],
  ["no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", { status: 200, end: reused }],
  ["no headers", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, headers: {}, end: reused }],
  ["a status that has no body, whatever length is said", "HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\n\r\n", { status: 304, body: "", end: reused }],
  ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=1\r\n, you all \r\n0\r\n\r\n", { body: "hello, you all ", end: reused }],
  ["chunks and trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\nDigest: y\r\nOther: z\r\n\r\n", { body: "x", headers: { "transfer-encoding": "Chunked" }, end: reused }],
  ["everything until it is closed", "HTTP/1.1 200 OK\r\n\r\nall of it", { body: "all of it", end: given }, true],
  ["nothing until it is closed", "HTTP/1.1 200 OK\r\n\r\n", { body: "", end: given }, true],
  ["interim responses before it", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", { status: 200, headers: { "content-length": "2" }, body: "ok", end: reused }],
  ["a connection that is not kept", "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 2\r\n\r\nok", { body: "ok", end: given }],
  ["a connection that is kept for a time", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 2\r\n\r\nok", { end: { reusable: true, keepMs: 5000 } }],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", { body: "ok", end: given }],
  ["a header that comes twice", "HTTP/1.1 401 No\r\nWWW-Authenticate: A\r\nwww-authenticate: B\r\nContent-Length: 0\r\n\r\n", { headers: { "www-authenticate": ["A", "B"] as unknown as string, "content-length": "0" }, end: reused }],
  ["space around values, and none", "HTTP/1.1 200 OK\r\nA:\t x \r\nB:\r\nC:y\r\nContent-Length:0\r\n\r\n", { headers: { a: "x", b: "", c: "y", "content-length": "0" } as IncomingHttpHeaders, end: reused }],
  ["names that objects have of their own", "HTTP/1.1 200 OK\r\nconstructor: x\r\ntoString: y\r\nContent-Length: 0\r\n\r\n", { headers: { constructor: "x", tostring: "y", "content-length": "0" } as unknown as IncomingHttpHeaders, end: reused }],
  ["bytes beyond ASCII", "HTTP/1.1 200 OK\r\nX: \xe9\r\nContent-Length: 1\r\n\r\n\xff", { headers: { x: "\xe9", "content-length": "1" } as IncomingHttpHeaders, body: "\xff", end: reused }],
];

for (const [what, text, told, closes] of good) {
  test(`${what}: the same in one piece, in any two, and byte by byte`, () => {
    const whole = read([text], closes);
    expect(whole).toMatchObject(told);
    for (let at = 1; at < text.length; at++) expect(read([text.slice(0, at), text.slice(at)], closes)).toEqual(whole);
    expect(read([...text], closes)).toEqual(whole);
  });
}

const H = "HTTP/1.1 200 OK\r\n";
const bad: [what: string, text: string][] = [
  ["a length beside chunks", `${H}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ["two lengths", `${H}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`],
  ["the same length twice", `${H}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`],
  ["a list of lengths", `${H}Content-Length: 5, 5\r\n\r\n`],
  ["a length with a sign", `${H}Content-Length: +5\r\n\r\n`],
  ["a length that no number holds", `${H}Content-Length: 99999999999999999999\r\n\r\n`],
  ["an empty length", `${H}Content-Length:\r\n\r\n`],
  ["another encoding", `${H}Transfer-Encoding: gzip, chunked\r\n\r\n`],
  ["an encoding that is hidden", `${H}Transfer-Encoding: xchunked\r\n\r\n`],
  ["chunked twice", `${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ["chunks of HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a space before the colon", `${H}Content-Length : 5\r\n\r\n`],
  ["a folded line", `${H}A: x\r\n y\r\nContent-Length: 0\r\n\r\n`],
  ["a line without a colon", `${H}nonsense\r\n\r\n`],
  ["a header without a name", `${H}: x\r\n\r\n`],
  ["a bare line feed", `${H}A: x\nContent-Length: 0\r\n\r\n`],
  ["a bare carriage return", `${H}A: x\ry\r\n\r\n`],
  ["a NUL", `${H}A: x\0\r\n\r\n`],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
  ["another protocol", "SSH-2.0-OpenSSH_9.0\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a status below 100", "HTTP/1.1 099 OK\r\n\r\n"],
  ["a change of protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
  ["a chunk without a size", `${H}Transfer-Encoding: chunked\r\n\r\n\r\nhello`],
  ["a chunk's size with a prefix", `${H}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n`],
  ["a chunk's size with a sign", `${H}Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n`],
  ["a chunk's size that no number holds", `${H}Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n`],
  ["a chunk that is longer than it says", `${H}Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n`],
  ["headers that have no end", `${H}A: ${"x".repeat(40_000)}`],
  ["a chunk's extension that has no end", `${H}Transfer-Encoding: chunked\r\n\r\n5;${"x".repeat(300)}`],
  ["trailers that have no end", `${H}Transfer-Encoding: chunked\r\n\r\n0\r\n${"A: x\r\n".repeat(10_000)}`],
];

for (const [what, text] of bad) {
  test(`${what}: refused, in one piece and byte by byte`, () => {
    const fault = expect.objectContaining({ code: "INVALID_RESPONSE" });
    expect(() => read([text])).toThrow(fault);
    expect(() => read([...text])).toThrow(fault);
  });
}

test("what comes behind a response makes its connection unfit for another, and is not read", () => {
  for (const text of [`${H}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged`, `${H}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx`, "HTTP/1.1 204 No\r\n\r\nx"]) {
    expect(read([text])).toMatchObject({ end: given });
    expect(read([text]).body).toMatch(/^(ok)?$/);
  }
});

test("a response that breaks off is a fault wherever it does", () => {
  const text = `${H}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
  for (let at = 1; at < text.length; at++) expect(() => read([text.slice(0, at)], true)).toThrow(expect.objectContaining({ code: "CONNECTION_CLOSED" }));
});

test("a large head in small pieces is read in time that grows with it", () => {
  const lines = Array.from({ length: 1000 }, (_, i) => `x-${i}: ${"y".repeat(20)}\r\n`).join("");
  expect(read([...`${H}${lines}Content-Length: 0\r\n\r\n`]).end).toEqual(reused);
});

test("nothing that a server may say makes the reader throw anything but a fault of the response, or go on for ever", () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const parts = ["HTTP/1.1 200 OK", "HTTP/1.0 ", "\r\n", "\r\n\r\n", "\n", "\r", ":", "Content-Length: 3", "Transfer-Encoding: chunked", "3\r\nabc\r\n", "0\r\n\r\n", "abc", "\0", "\xff", " ", "Connection: close", "ffffffff", "100", ";"];
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 1 + random(12) }, () => parts[random(parts.length)]).join("");
    const cut = random(text.length + 1);
    try {
      read(i % 2 ? [text.slice(0, cut), text.slice(cut)] : [`HTTP/1.1 200 OK\r\n${text}`], random(2) === 1);
    } catch (error) {
      expect(error).toMatchObject({ name: "HttpFault" });
    }
  }
});
