import { callRecordSchema, type CallRecord } from "../../collector/record/call-record.ts";
import { decodeHeader, isModernVersion, metaOf, PROTOCOL_VERSION_KEY } from "../../proxy/era/classify.ts";
import type { Digester } from "../../proxy/relay/digest.ts";
import { argumentLeaves } from "../../proxy/relay/leaves.ts";
import { parseMessage, serialize, type Message } from "../../proxy/transport/envelope.ts";
import type { Reached } from "./upstream.ts";

/** A request that a worker's HTTP server took as one. */
export interface Seen {
  readonly address: string;
  readonly method: string;
  readonly url: string;
}

export interface Books {
  readonly seen: readonly Seen[];
  readonly records: readonly CallRecord[];
  readonly reached: readonly Reached[];
  readonly digester: Digester;
  /** What was done to the messages from an address. */
  readonly whatOf: (address: string) => string;
}

/** Which requests are messages for the relay; others are none of MCP, and the router answers them. */
const ROUTED = /^(?:https?:\/\/[^/]*)?\/mcp\/([^/?#]*)(?:[?#].*)?$/;

export function isMessage({ method, url }: Seen): boolean {
  const name = ROUTED.exec(url)?.[1];
  if (name === undefined || !["POST", "GET", "DELETE"].includes(method)) return false;
  try {
    decodeURIComponent(name);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong; empty where nothing is. */
export function check({ seen, records, reached, digester, whatOf }: Books): string[] {
  const faults: string[] = [];
  const fault = (address: string, text: string): void => void faults.push(`${address} (${whatOf(address)}): ${text}`);
  eachHasOneRecord(seen, records, fault);
  const bySpan = new Map<string, CallRecord>();
  for (const record of records) {
    const fits = callRecordSchema.safeParse(record);
    if (!fits.success) fault(record.clientAddress, `its record does not fit the schema: ${fits.error.issues[0]?.path.join(".")} ${fits.error.issues[0]?.message}`);
    if (record.upstreamSpanId !== "") bySpan.set(record.upstreamSpanId, record);
  }
  const spent = new Set<CallRecord>();
  for (const request of reached) {
    const span = /^00-[0-9a-f]{32}-([0-9a-f]{16})-/.exec(String(request.headers.traceparent))?.[1] ?? "";
    const record = bySpan.get(span);
    if (record === undefined) {
      faults.push(`reached the upstream without a record: ${request.method} ${request.body.toString("utf8").slice(0, 300)}`);
      continue;
    }
    if (spent.has(record)) fault(record.clientAddress, "reached the upstream twice");
    spent.add(record);
    for (const text of unlike(record, request, digester)) fault(record.clientAddress, text);
  }
  return faults;
}

/** A stream that carries answers to earlier calls has a record for each of them beside its own, of the same span. */
function eachHasOneRecord(seen: readonly Seen[], records: readonly CallRecord[], fault: (address: string, text: string) => void): void {
  const expected = new Map<string, number>();
  for (const one of seen) if (isMessage(one)) expected.set(one.address, (expected.get(one.address) ?? 0) + 1);
  const spans = new Map<string, Set<string>>();
  const bySpan = new Map<string, CallRecord>();
  for (const record of records) {
    const { clientAddress, spanId, method } = record;
    const before = bySpan.get(spanId);
    if (before !== undefined && method !== "transport/stream") fault(clientAddress, `has two records: ${describe(before)} and ${describe(record)}`);
    bySpan.set(spanId, record);
    let known = spans.get(clientAddress);
    if (known === undefined) spans.set(clientAddress, (known = new Set()));
    known.add(spanId);
  }
  for (const address of new Set([...expected.keys(), ...spans.keys()])) {
    const messages = expected.get(address) ?? 0;
    const recorded = spans.get(address)?.size ?? 0;
    if (messages !== recorded) fault(address, `${messages} messages of ${seen.filter((one) => one.address === address).map(({ method, url }) => `${method} ${url.slice(0, 60)}`).join(", ")}; ${recorded} records (${records.filter((r) => r.clientAddress === address).map(describe).join("; ")})`);
  }
}

const describe = ({ method, outcome, reason, httpStatus }: CallRecord): string => `${method} ${outcome} ${reason} ${httpStatus}`;

/** In which ways what reached the upstream is not what its record says was judged, or is what no rule allows. */
function unlike(record: CallRecord, request: Reached, digester: Digester): string[] {
  const wrong: string[] = [];
  const expect = (holds: boolean, text: string): void => void (holds || wrong.push(`${text} (${describe(record)})`));
  expect(record.decision === "allow", `was forwarded against the decision ${record.decision}`);
  expect(request.url === "/mcp", `was sent to ${request.url}`);
  for (const name of ["authorization", "cookie", "x-api-key", "baggage", "x-forwarded-host", "origin", "content-encoding"]) expect(request.headers[name] === undefined, `the header ${name} reached the upstream`);
  const names = request.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  expect(new Set(names).size === names.length, `a header reached the upstream twice: ${names.join(" ")}`);
  if (record.method === "transport/stream" || record.method === "transport/session-end") {
    expect(request.body.length === 0, "a body went with what has none");
    return wrong;
  }
  const text = request.body.toString("utf8");
  const parsed = parseMessage(request.body);
  if (!parsed.ok) return [...wrong, `the upstream got what is no message: ${text.slice(0, 200)}`];
  const { message } = parsed;
  const params = message.params ?? {};
  // Whoever reads the first of two equal members, or the last one, reads the same.
  expect(serialize(message) === text, `the upstream got a message that can be read in two ways: ${text.slice(0, 200)}`);
  expect(record.method === message.method, `judged as ${record.method}, forwarded as ${message.method}`);
  expect(record.rpcId === (message.id === null ? "" : String(message.id).slice(0, 128)), `judged with id ${record.rpcId}, forwarded with ${String(message.id)}`);
  if (message.method === "tools/call") expect(record.tool === String(params.name).slice(0, 256), `judged as ${record.tool}, forwarded as ${String(params.name)}`);
  if (message.method === "prompts/get") expect(record.prompt === String(params.name).slice(0, 256), `judged as ${record.prompt}, forwarded as ${String(params.name)}`);
  if (message.method === "resources/read") expect(record.resourceUri === String(params.uri).slice(0, 2048), `judged as ${record.resourceUri}, forwarded as ${String(params.uri)}`);
  const digests = (leaves: readonly { path: string; digest: string }[]): string => JSON.stringify(leaves.map(({ path, digest }) => [path, digest]));
  expect(digests(argumentLeaves(params.arguments, digester)) === digests(record.arguments), "the arguments are not those that were judged");
  expect(isAllowed(message), `no rule allows what was forwarded: ${text.slice(0, 200)}`);
  headersAgree(message, request, expect);
  return wrong;
}

/** Today's newest revision: what routes by headers must have routed what was judged. */
function headersAgree({ params, method, kind }: Message, { headers }: Reached, expect: (holds: boolean, text: string) => void): void {
  const claim = metaOf(params)?.[PROTOCOL_VERSION_KEY];
  if (!isModernVersion(claim) || kind !== "request") return;
  expect(headers["mcp-protocol-version"] === claim, `the header says revision ${String(headers["mcp-protocol-version"])}, the body ${String(claim)}`);
  expect(headers["mcp-method"] === method, `the header says method ${String(headers["mcp-method"])}, the body ${method}`);
  const named = method === "tools/call" || method === "prompts/get" ? params?.name : method === "resources/read" ? params?.uri : undefined;
  const region = method === "tools/call" ? (params?.arguments as { region?: unknown } | undefined)?.region : undefined;
  if (typeof region === "string" && listed.has(String(named))) expect(decodeHeader(String(headers["mcp-param-region"])) === region, `the header says region ${String(headers["mcp-param-region"])}, the body ${region}`);
  if (typeof named === "string") expect(decodeHeader(String(headers["mcp-name"])) === named, `the header names ${String(headers["mcp-name"])}, the body ${named}`);
}

/** The tools that the upstream lists: what headers their calls need is known. */
const listed: ReadonlySet<string> = new Set(["echo", "notes.add"]);

/** The rules of the proxy under test, said once more and without its code. */
function isAllowed({ method, params }: Message): boolean {
  switch (method) {
    case "tools/call": {
      const name = String(params?.name);
      if (name.startsWith("notes.")) return true;
      if (name !== "echo") return false;
      const args = params?.arguments as Record<string, unknown> | undefined;
      if (args === undefined || !Object.hasOwn(args, "limit")) return true;
      return (typeof args.limit === "number" || typeof args.limit === "bigint") && args.limit <= 100;
    }
    case "prompts/get":
      return params?.name === "greeting";
    case "resources/read":
      return String(params?.uri).startsWith("file:///open/");
    default:
      return true;
  }
}

export const rules = [
  { id: "echo", effect: "allow", match: { tools: ["echo"] }, when: "!has(args.limit) || args.limit <= 100" },
  { id: "notes", effect: "allow", match: { tools: ["notes.*"] } },
  { id: "no-drops", effect: "deny", match: { tools: ["drop*"] } },
  { id: "payments", effect: "hold", match: { tools: ["pay"] } },
  { id: "greeting", effect: "allow", match: { methods: ["prompts/get"], prompts: ["greeting"] } },
  { id: "open-files", effect: "allow", match: { methods: ["resources/read"], resources: ["file:///open/*"] } },
  { id: "tasks", effect: "allow", match: { methods: ["tasks/*"] } },
] as const;
