import type { Random } from "../support/random.ts";
import { objectsIn, raw, textOf, treeOf, type Tree } from "./json-tree.ts";
import { realMessage, type Draft, type Senders } from "./messages.ts";

/** What goes over one connection. */
export interface Plan {
  /** What was done to the messages, to say it when something is wrong. */
  readonly what: readonly string[];
  readonly writes: readonly Buffer[];
  /** The HTTP around the messages is whole: each of them is answered, and the connection is closed at the end. */
  readonly sound: boolean;
}

interface Work {
  readonly draft: Draft;
  tree: Tree | null;
  bytes: Buffer | null;
  chunked: boolean;
  sound: boolean;
  readonly what: string[];
}

/** The proxy under test takes bodies up to this. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Asked behind everything else on a connection: its answer closes it. */
const LAST = Buffer.from("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");

/** The plan of one connection; the same random numbers give the same plan. */
export function plan(random: Random, senders: Senders, index: number): Plan {
  const count = random.next() < 0.12 ? random.int(2, 5) : 1;
  const works = Array.from({ length: count }, () => mutated(random, senders, index));
  const what = works.flatMap((work) => work.what);
  if (count > 1) what.push(`${count} in one go`);
  const parts: Buffer[] = works.map((work) => encode(random, work));
  let whole = Buffer.concat([...parts, LAST]);
  let sound = works.every((work) => work.sound);
  if (random.next() < 0.03) {
    whole = whole.subarray(0, random.int(0, whole.length));
    sound = false;
    what.push("cut off");
  }
  return { what, writes: split(random, whole, what), sound };
}

function mutated(random: Random, senders: Senders, index: number): Work {
  const draft = realMessage(random, senders);
  draft.headers.push(["Mcp-Fuzz", String(index)]);
  const work: Work = { draft, tree: draft.body === null ? null : treeOf(draft.body), bytes: null, chunked: false, sound: true, what: [] };
  const count = random.int(1, 4);
  for (let i = 0; i < count; i++) {
    const mutation = random.pick(work.bytes === null ? mutations : mutations.filter((m) => m.of !== "json"));
    mutation.apply(work, random);
    work.what.push(mutation.name);
  }
  return work;
}

function encode(random: Random, work: Work): Buffer {
  const { draft, what } = work;
  const body = work.bytes ?? (work.tree === null ? null : Buffer.from(textOf(work.tree)));
  const lines = [`${draft.method} ${draft.target} ${draft.version}`, ...draft.headers.map(([name, value]) => `${name}: ${value}`)];
  let payload = body ?? Buffer.alloc(0);
  if (body !== null) {
    if (work.chunked || random.next() < 0.1) {
      lines.push("Transfer-Encoding: chunked");
      payload = chunks(random, body, what);
    } else if (!draft.headers.some(([name]) => name === "Content-Length")) lines.push(`Content-Length: ${body.length}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), payload]);
}

function chunks(random: Random, body: Buffer, what: string[]): Buffer {
  what.push("chunked");
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = random.int(1, Math.max(2, Math.min(body.length - at, 4096) + 1));
    const part = body.subarray(at, at + size);
    const extension = random.next() < 0.1 ? ";a=b" : "";
    parts.push(Buffer.from(`${part.length.toString(16)}${extension}\r\n`), part, Buffer.from("\r\n"));
    at += part.length;
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** Pieces that are written one after the other, each in a turn of its own. */
function split(random: Random, whole: Buffer, what: string[]): Buffer[] {
  if (random.next() < 0.6 || whole.length < 2) return [whole];
  const pieces = random.int(2, 8);
  what.push(`${pieces} pieces`);
  const cuts = [0, ...Array.from({ length: pieces - 1 }, () => random.int(0, whole.length)).sort((a, b) => a - b), whole.length];
  return cuts.slice(1).map((end, i) => whole.subarray(cuts[i], end));
}

interface Mutation {
  readonly name: string;
  readonly of: "json" | "bytes" | "http";
  apply(work: Work, random: Random): void;
}

const numbers = ["9007199254740993", "-9007199254740993", "1e400", "-1e400", "1E2", "100.00000000000000000001", "100.5", "-0", "1.0", "1e0", "00012", "0x10", "1_000", "NaN", "Infinity", "1e21", "123456789012345678901234567890", "1e-400", ".5", "5.", "+5", "2.0e1"];
const strings = ['""', '"\\u0000"', '"\\ud800"', '"__proto__"', '"\\u0065cho"', '"echo "', '"ECHO"', '"e\u0441ho"', '"notes."', '"notes.\\u0000drop"', '"file:///open/../closed/a"', '"file:///open/"', `"${"x".repeat(3000)}"`, '"tools/call"', '"\u{1f980}"', '"\\"', '"\t"'];
const constants = ["null", "true", "false", "{}", "[]", "[[]]", '{"a":{}}', '[{"type":"text","text":"x"}]', "", "undefined", "'x'"];
const methods = ["Tools/Call", "tools/call ", "tools//call", "tools/call\\u0000", "tools/calI", "tools\\u002fcall", "tools/call/list", "a/list", "notifications/x", "initialize", "response", "transport/stream", "rpc.discover", "", "m".repeat(300), "subscriptions/listen", "tasks/result", "__proto__", "constructor"];
const names = ['"method"', '"id"', '"params"', '"name"', '"arguments"', '"jsonrpc"', '"result"', '"error"', '"_meta"', '"limit"', '"uri"', '"__proto__"', '"constructor"', '"toJSON"', '"hasOwnProperty"', '"na\\u006de"', '"n\\u0061me"', '"Method"', '"limit "', '"progressToken"', '"requestState"', '"inputResponses"', '"*"', '"a/b~c"'];

const values = (random: Random): Tree => raw(random.pick(random.pick([numbers, strings, constants])));

const anObject = (tree: Tree, random: Random) => {
  const all = objectsIn(tree);
  return all.length === 0 ? null : random.pick(all);
};

const json = (name: string, apply: (tree: Tree, random: Random) => Tree | void): Mutation => ({
  name,
  of: "json",
  apply(work, random) {
    if (work.tree !== null) work.tree = apply(work.tree, random) ?? work.tree;
  },
});

const bytes = (name: string, apply: (body: Buffer, random: Random) => Buffer): Mutation => ({
  name,
  of: "bytes",
  apply(work, random) {
    const body = work.bytes ?? (work.tree === null ? null : Buffer.from(textOf(work.tree)));
    if (body !== null) work.bytes = apply(body, random);
  },
});

const http = (name: string, apply: (draft: Draft, random: Random, work: Work) => void, sound = true): Mutation => ({
  name,
  of: "http",
  apply(work, random) {
    if (!sound) work.sound = false;
    apply(work.draft, random, work);
  },
});

const setHeader = (draft: Draft, name: string, value: string): void => {
  draft.headers = [...draft.headers.filter(([one]) => one.toLowerCase() !== name.toLowerCase()), [name, value]];
};

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + "1" + close.repeat(depth);

const mutations: readonly Mutation[] = [
  json("member left out", (tree, random) => {
    const object = anObject(tree, random);
    if (object !== null && object.members.length > 0) object.members.splice(random.int(0, object.members.length), 1);
  }),
  json("member twice", (tree, random) => {
    const object = anObject(tree, random);
    if (object === null || object.members.length === 0) return;
    const { name } = random.pick(object.members);
    const member = { name: random.next() < 0.3 ? `"\\u00${name.charCodeAt(1).toString(16).padStart(2, "0")}${name.slice(2)}` : name, value: values(random) };
    if (random.next() < 0.5) object.members.push(member);
    else object.members.unshift(member);
  }),
  json("tool named twice", (tree, random) => {
    const params = objectsIn(tree).find(({ members }) => members.some(({ name, value }) => name === '"name"' && value.kind === "raw"));
    const member = { name: random.pick(['"name"', '"n\\u0061me"']), value: raw(random.pick(['"drop"', '"echo"', '"pay"', '"notes.x"'])) };
    if (random.next() < 0.5) params?.members.push(member);
    else params?.members.unshift(member);
  }),
  json("limit twice", (tree) => {
    const args = objectsIn(tree).find(({ members }) => members.some(({ name }) => name === '"limit"'));
    args?.members.unshift({ name: '"limit"', value: raw("100000") });
  }),
  json("limit anew", (tree, random) => {
    for (const { members } of objectsIn(tree)) for (const member of members) if (member.name === '"limit"') member.value = raw(random.pick(numbers));
  }),
  json("another value", (tree, random) => {
    const object = anObject(tree, random);
    if (object !== null && object.members.length > 0) random.pick(object.members).value = values(random);
  }),
  json("another name", (tree, random) => {
    const object = anObject(tree, random);
    if (object !== null && object.members.length > 0) random.pick(object.members).name = random.pick(names);
  }),
  json("one member more", (tree, random) => {
    anObject(tree, random)?.members.push({ name: random.pick(names), value: values(random) });
  }),
  json("another id", (tree, random) => {
    if (tree.kind === "object") for (const member of tree.members) if (member.name === '"id"') member.value = values(random);
  }),
  json("another method", (tree, random) => {
    if (tree.kind === "object") for (const member of tree.members) if (member.name === '"method"') member.value = raw(`"${random.pick(methods)}"`);
  }),
  json("batch", (tree, random) => ({ kind: "list", items: random.pick([[tree], [tree, tree], [raw('{"jsonrpc":"2.0","id":1,"method":"ping"}'), tree], []]) })),
  json("nested deeply", (tree, random) => {
    const depth = random.pick([3, 60, 120, 127, 128, 129, 500, 5000, 20_000]);
    const [open, close] = random.pick([["[", "]"], ['{"a":', "}"], ['[{"limit":', "}]"]] as const);
    anObject(tree, random)?.members.push({ name: random.pick(names), value: raw(nested(depth, open, close)) });
  }),
  json("many members", (tree, random) => {
    const object = anObject(tree, random);
    const count = random.pick([257, 2000]);
    for (let i = 0; i < count; i++) object?.members.push({ name: `"k${i}"`, value: raw(String(i)) });
  }),
  json("a scalar alone", (_tree, random) => values(random)),
  json("too large", (tree, random) => {
    anObject(tree, random)?.members.push({ name: '"big"', value: raw(`"${"y".repeat(MAX_BODY_BYTES + random.pick([-2000, 0, 5000]))}"`) });
  }),

  bytes("bytes flipped", (body, random) => {
    const copy = Buffer.from(body);
    for (let i = random.int(1, 5); i > 0 && copy.length > 0; i--) copy[random.int(0, copy.length)]! ^= 1 << random.int(0, 8);
    return copy;
  }),
  bytes("bytes inserted", (body, random) => {
    const at = random.int(0, body.length + 1);
    const what = random.pick([Buffer.of(0), Buffer.of(0xff), Buffer.of(0xc0, 0x80), Buffer.of(0xed, 0xa0, 0x80), Buffer.from("\u2028"), Buffer.from('"'), Buffer.from("}"), Buffer.from("/*x*/"), Buffer.from("\r\n\r\n"), Buffer.of(random.int(0, 256))]);
    return Buffer.concat([body.subarray(0, at), what, body.subarray(at)]);
  }),
  bytes("bytes taken out", (body, random) => {
    const at = random.int(0, body.length + 1);
    return Buffer.concat([body.subarray(0, at), body.subarray(at + random.int(1, 20))]);
  }),
  bytes("repeated", (body) => Buffer.concat([body, body])),
  bytes("more behind it", (body, random) => Buffer.concat([body, Buffer.from(random.pick(["\n", " ", "\0", "x", "{}", ",{}", "\ufeff"]))])),
  bytes("a byte order mark", (body) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), body])),
  bytes("UTF-16", (body) => Buffer.from(body.toString("utf8"), "utf16le")),
  bytes("Latin-1", (body) => Buffer.from(body.toString("utf8"), "latin1")),
  bytes("white space", (body) => Buffer.from(body.toString("utf8").replaceAll(":", " \t\r\n: "))),
  bytes("nothing", () => Buffer.alloc(0)),

  http("another Mcp-Method", (draft, random) => setHeader(draft, "Mcp-Method", random.pick(["ping", "tools/list", "tools/call ", "TOOLS/CALL", "=?base64?dG9vbHMvY2FsbA==?=", ""]))),
  http("another Mcp-Name", (draft, random) => setHeader(draft, "Mcp-Name", random.pick(["echo", "drop", " echo ", "=?base64?ZWNobw==?=", "=?base64?ZWNobw?=", "=?base64?!!?=", "=?BASE64?ZWNobw==?=", "ech\u00f6", ""]))),
  http("Mcp-Name twice", (draft, random) => draft.headers.push(["Mcp-Name", random.pick(["echo", "drop"])])),
  http("an Mcp-Param", (draft, random) => draft.headers.push([random.pick(["Mcp-Param-Region", "Mcp-Param-Limit", "mcp-param-"]), random.pick(["eu", "us", "10", "=?base64?ZXU=?=", ""])])),
  http("another revision", (draft, random) => setHeader(draft, "MCP-Protocol-Version", random.pick(["2025-03-26", "2025-11-25", "2026-07-28", "2099-01-01", "2026-07-28, 2025-06-18", "latest", ""]))),
  http("a header left out", (draft, random) => {
    draft.headers.splice(random.int(0, draft.headers.length), 1);
  }, false),
  http("another Host", (draft, random) => setHeader(draft, "Host", random.pick(["evil.example", "localhost", "127.0.0.1:1", "127.0.0.1.evil.example", "[::1]", "127.0.0.1, evil.example", "localhost\t", "\u00e9", ""]))),
  http("an Origin", (draft, random) => draft.headers.push(["Origin", random.pick(["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1", "http://127.0.0.1@evil.example", "file://", "chrome-extension://x", ""])])),
  http("another credential", (draft, random) => setHeader(draft, "Authorization", random.pick(["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", `Bearer ${"k".repeat(5000)}`, "bearer \u00ff"]))),
  http("the credential twice", (draft) => draft.headers.push(["Authorization", "Bearer x"])),
  http("another session", (draft, random) => setHeader(draft, "Mcp-Session-Id", random.pick(["", "s", "s.", `s.${"A".repeat(22)}`, "../..", "\u00e9".repeat(20), "x".repeat(3000)]))),
  http("another Content-Type", (draft, random) => setHeader(draft, "Content-Type", random.pick(["application/json; charset=utf-16", "application/json;charset=utf-8", "text/plain", "application/jsonx", "application/json, text/plain", "multipart/form-data", ""]))),
  http("another Accept", (draft, random) => setHeader(draft, "Accept", random.pick(["*/*", "text/html", "application/json", "text/event-stream;q=0", ""]))),
  http("headers of a proxy", (draft, random) => draft.headers.push(random.pick([["X-Forwarded-Host", "evil.example"], ["X-HTTP-Method-Override", "DELETE"], ["X-Original-URL", "/v1/tasks"], ["Cookie", "a=b"], ["X-Api-Key", "x"], ["Content-Encoding", "gzip"], ["Traceparent", "00-00000000000000000000000000000000-0000000000000000-01"], ["Traceparent", "00-zz"], ["Last-Event-ID", "x".repeat(500)], ["Baggage", "a=b"]]))),
  http("another target", (draft, random) => {
    draft.target = random.pick(["/mcp/fixture/", "/mcp/%66ixture", "/mcp/fixture?x=1", "/MCP/fixture", "//mcp/fixture", "/mcp//fixture", "/mcp/fixture/../vault", "/mcp/none", "/mcp/__proto__", "/mcp/fixture%00", "/mcp/%", "/mcp/fixture;a", "/mcp/fixture#x", "http://evil.example/mcp/fixture", `/mcp/${"x".repeat(200)}`, "/mcp/", "/mcp/fixture%2f..", "/mcp/f%C3%BCr"]);
  }),
  http("another method of HTTP", (draft, random, work) => {
    draft.method = random.pick(["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "QUERY", "post"]);
    // An answer to HEAD has no body, and a word that is no method ends the connection.
    work.sound = false;
  }),
  http("HTTP/1.0", (draft) => void (draft.version = "HTTP/1.0"), false),
  http("another version of HTTP", (draft, random) => void (draft.version = random.pick(["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTPS/1.1"])), false),
  http("Connection", (draft, random) => draft.headers.push(["Connection", random.pick(["close", "keep-alive", "mcp-method", "authorization"])])),
  http("Upgrade", (draft, random) => draft.headers.push(["Connection", "Upgrade"], ["Upgrade", random.pick(["websocket", "h2c"])]), false),
  http("Expect", (draft, random) => draft.headers.push(["Expect", random.pick(["100-continue", "200-ok"])])),
  http("a large header", (draft, random) => draft.headers.push(["X-Large", "z".repeat(random.pick([1000, 12_000, 17_000]))]), false),
  http("many headers", (draft, random) => {
    for (let i = random.pick([100, 1500]); i > 0; i--) draft.headers.push([`x-${i}`, ""]);
  }, false),
  http("a line of its own", (draft, random) => draft.headers.push(random.pick([["X-A", "b\r\n c"], ["X-A", "b\nMcp-Name: drop"], ["X A", "b"], ["X-A", "b\0"], ["Mcp-Name ", "drop"], ["", "x"]])), false),
  http("a length that is wrong", (draft, random) => draft.headers.push(["Content-Length", random.pick(["0", "5", "100000", "99999999", "-1", "1e3", "10, 10", "0x10", " 7 "])]), false),
  http("both framings", (draft, random, work) => {
    draft.headers.push(["Content-Length", random.pick(["4", "40"])]);
    work.chunked = true;
  }, false),
  http("another framing", (draft, random, work) => {
    draft.headers.push(["Transfer-Encoding", random.pick(["gzip, chunked", "chunked, identity", "xchunked", " chunked"])]);
    work.chunked = random.next() < 0.5;
  }, false),
];
