import { setTimeout as delay } from "node:timers/promises";
import { isObject, parseMessage, type EnvelopeFault, type JsonObject, type Message, type RpcId } from "../envelope.ts";
import { EventReader } from "../event-reader.ts";
import * as rpc from "../rpc-error.ts";
import { codeOf, type Endpoint, type EndpointAnswer } from "./endpoint.ts";
import { messageHeaders, modernVersion, noSession, sessionHeaders, type HttpSession } from "./message-headers.ts";
import { ParamHeaders } from "./param-headers.ts";

/** Requests under way at once; beyond it the client is told so, because not to read on would also stop its answers to questions. */
const MAX_IN_FLIGHT = 256;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const ACKNOWLEDGE_MS = 30_000;
const END_SESSION_MS = 1000;
const REOPEN_MS = 1000;
const LONGEST_REOPEN_MS = 30_000;
const MAX_RESUMES = 10;
const MAX_PAGES = 50;

const accept = "application/json, text/event-stream";

export interface BridgeOptions {
  readonly endpoint: Endpoint;
  /** Writes one line of protocol to the client; resolves when there is room for another. */
  readonly write: (line: Buffer | string) => Promise<void>;
  /** Says something to the person behind the client. Never a payload. */
  readonly tell: (text: string) => void;
  /** The server had lost the session, and another stands in its place: what the server knew of the first is gone. */
  readonly begunAgain?: () => void;
}

/** One message as it came, and the headers of what brought it that the proxy is to see: who sends it. */
interface Incoming {
  readonly message: Message;
  readonly line: Buffer | string;
  readonly headers: Readonly<Record<string, string>>;
}

interface InFlight {
  readonly message: Message;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/**
 * Carries the messages of one client that speaks over another transport to the proxy's Streamable HTTP endpoint and back, in
 * whichever era the client speaks. It decides nothing: the proxy judges and records each message as it does anybody's.
 */
export class ClientBridge {
  readonly #endpoint: Endpoint;
  readonly #write: BridgeOptions["write"];
  readonly #tell: BridgeOptions["tell"];
  readonly #begunAgain: BridgeOptions["begunAgain"];
  readonly #inFlight = new Map<string, InFlight>();
  readonly #params = new ParamHeaders();
  readonly #closing = new AbortController();
  #session: HttpSession = noSession;
  /** The client's own, to begin again with when the server has lost the session. */
  #initialize: Incoming | null = null;
  #initialized: Incoming | null = null;
  #beginning: Promise<boolean> | null = null;
  #stream: AbortController | null = null;

  constructor({ endpoint, write, tell, begunAgain }: BridgeOptions) {
    this.#endpoint = endpoint;
    this.#write = write;
    this.#tell = tell;
    this.#begunAgain = begunAgain;
  }

  /**
   * Takes one message from the client. Resolves when the next may be taken: what is no request has then arrived, so that its
   * place among the others is kept. Never rejects.
   */
  async receive(line: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const parsed = parseMessage(line);
    if (!parsed.ok) return this.#malformed(line, headers, parsed.fault);
    const { message } = parsed;
    const incoming: Incoming = { message, line, headers };
    if (message.kind !== "request") return this.#pass(incoming);
    const key = keyOf(message.id);
    if (this.#inFlight.has(key)) return this.#refuse(message, rpc.INVALID_REQUEST, "A request with this id is already under way.");
    if (this.#inFlight.size >= MAX_IN_FLIGHT) return this.#refuse(message, rpc.OVERLOADED, `${MAX_IN_FLIGHT} requests are under way already; wait for one of them.`);
    const abort = new AbortController();
    const done = this.#request(incoming, abort.signal).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, { message, abort, done });
    // Everything else needs the session that this begins.
    if (message.method === "initialize") await done;
  }

  /** The client has said all it will. Resolves when it has all answers, and the session is over. */
  async end(): Promise<void> {
    this.#stream?.abort();
    for (const { message, abort } of this.#inFlight.values()) if (message.method === "subscriptions/listen") abort.abort();
    await Promise.all([...this.#inFlight.values()].map(({ done }) => done));
    this.#closing.abort();
    if (this.#session.id === undefined) return;
    const signal = AbortSignal.timeout(END_SESSION_MS);
    await this.#endpoint.send({ method: "DELETE", headers: { ...this.#initialize?.headers, ...sessionHeaders(this.#session) }, signal }).then(drain, () => undefined);
    this.#session = noSession;
  }

  /** Breaks off whatever is under way: what the client waits for then, it has no use for any more. */
  abort(): void {
    this.#closing.abort();
    this.#stream?.abort();
    for (const { abort } of this.#inFlight.values()) abort.abort();
  }

  /** What is no message is refused by the proxy too, which records it. */
  async #malformed(line: Buffer, headers: Incoming["headers"], fault: EnvelopeFault): Promise<void> {
    try {
      const answer = await this.#endpoint.send({ method: "POST", headers: { "content-type": "application/json", accept, ...headers }, body: line, signal: this.#withinTime() });
      const refused = await readJson(answer);
      if (isObject(refused) && isObject(refused.error)) return await this.#say(JSON.stringify(refused));
    } catch (error) {
      this.#tell(`what the client sent is no message: ${reasonOf(error)}`);
    }
    await this.#say(rpc.errorBody(fault.id, fault.code, fault.message));
  }

  /** A notification, or a response to a question of the server's. */
  async #pass(incoming: Incoming): Promise<void> {
    const { message } = incoming;
    const cancelled = message.method === "notifications/cancelled" ? this.#inFlight.get(keyOf(message.params?.requestId)) : undefined;
    const modern = modernVersion(cancelled?.message ?? message) !== undefined;
    if (message.method === "notifications/cancelled" && modern) return void cancelled?.abort.abort();
    if (message.method === "notifications/initialized") this.#initialized = incoming;
    try {
      await this.#notify(incoming);
    } catch (error) {
      this.#tell(`${message.method} could not be delivered: ${reasonOf(error)}`);
    }
    cancelled?.abort.abort();
    if (message.method === "notifications/initialized" && this.#stream === null) void this.#listen(incoming.headers);
  }

  async #notify(incoming: Incoming, again = false): Promise<void> {
    const session = this.#session;
    const { message } = incoming;
    const answer = await this.#post(incoming, this.#withinTime());
    const refused = answer.status < 400 ? await drain(answer) : await readJson(answer);
    if (answer.status < 400) return;
    // A response belongs to a question of the session that is lost; nobody waits for it in another.
    if (!again && message.kind === "notification" && isSessionLoss(answer.status, session, refused) && (await this.#beginAgain(session))) return this.#notify(incoming, true);
    this.#tell(`${message.method} was not accepted: ${describe(answer.status, refused)}`);
  }

  async #request(incoming: Incoming, signal: AbortSignal): Promise<void> {
    const { message } = incoming;
    try {
      await this.#exchange(incoming, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#tell(`${message.method}: ${reasonOf(error)}`);
      await this.#refuse(message, rpc.UPSTREAM_FAILED, reasonOf(error));
    }
  }

  async #exchange(incoming: Incoming, signal: AbortSignal, again = false): Promise<void> {
    const session = this.#session;
    const { message } = incoming;
    const answer = await this.#post(incoming, signal);
    if (answer.status >= 400) {
      const refused = await readJson(answer);
      if (!again && message.method !== "initialize" && isSessionLoss(answer.status, session, refused) && (await this.#beginAgain(session))) return this.#exchange(incoming, signal, true);
      if (!again && errorCode(refused) === rpc.HEADER_MISMATCH && (await this.#learnTools(incoming, signal))) return this.#exchange(incoming, signal, true);
      return this.#answerRefused(message, answer.status, refused);
    }
    if (message.method === "initialize") this.#initialize = incoming;
    const answered = await this.#relay(incoming, answer, signal);
    if (!answered && !signal.aborted) await this.#refuse(message, rpc.UPSTREAM_FAILED, "The server ended its answer before it was complete.");
  }

  #post({ message, line, headers }: Incoming, signal: AbortSignal): Promise<EndpointAnswer> {
    const params = message.method === "tools/call" && modernVersion(message) !== undefined ? this.#params.of(String(message.params?.name), message.params?.arguments) : {};
    const all = { "content-type": "application/json", accept, ...params, ...messageHeaders(message, this.#session), ...headers };
    return this.#endpoint.send({ method: "POST", headers: all, body: line, signal });
  }

  #withinTime(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(ACKNOWLEDGE_MS)]);
  }

  /** Passes on what the server says to a request. False when it broke off before the answer and can't be resumed. */
  async #relay({ message, headers }: Incoming, first: EndpointAnswer, signal: AbortSignal): Promise<boolean> {
    if (!isEventStream(first)) {
      const body = await readAll(first);
      if (body.length === 0) return false;
      return this.#toClient(body, message, first);
    }
    let answered = false;
    let lastEventId: string | undefined;
    let retryMs = REOPEN_MS;
    let answer = first;
    for (let resumes = 0; ; resumes++) {
      try {
        for await (const event of eventsOf(answer)) {
          lastEventId = event.id ?? lastEventId;
          retryMs = event.retryMs ?? retryMs;
          if (event.data.length > 0 && (await this.#toClient(event.data, message, first))) answered = true;
        }
      } catch (error) {
        if (signal.aborted || lastEventId === undefined) throw error;
      }
      // The older protocol lets a server break a stream off and a client come back for the rest of it.
      if (answered || lastEventId === undefined || modernVersion(message) !== undefined || resumes >= MAX_RESUMES) return answered;
      await delay(Math.min(retryMs, LONGEST_REOPEN_MS), undefined, { signal });
      const resumed = await this.#endpoint.send({ method: "GET", headers: { ...headers, accept: "text/event-stream", ...sessionHeaders(this.#session), "last-event-id": lastEventId }, signal });
      if (resumed.status !== 200 || !isEventStream(resumed)) {
        await drain(resumed);
        return false;
      }
      answer = resumed;
    }
  }

  /** Writes what the server said to the client's pipe. True when it was the answer to the request. */
  async #toClient(data: Buffer, request: Message | null, answer: EndpointAnswer): Promise<boolean> {
    const value = parseJson(data);
    const messages = (Array.isArray(value) ? value : [value]) as unknown[];
    if (!messages.every(isObject)) {
      this.#tell("what the server sent is no message, and is not passed on");
      return false;
    }
    const result = messages.find((one) => one.method === undefined);
    // Known before the client is: it may send the next message at once.
    if (result && request?.method === "initialize") this.#begun(result, answer);
    if (result && request?.method === "tools/list") this.#params.learn(result.result);
    await this.#say(data);
    return result !== undefined;
  }

  #begun(message: JsonObject, answer: EndpointAnswer): void {
    const version = isObject(message.result) ? message.result.protocolVersion : undefined;
    this.#session = { id: answer.header("mcp-session-id"), protocolVersion: typeof version === "string" ? version : undefined };
  }

  /** The server has lost the session. The client can't begin another over pipes, so the one it began is begun again. */
  async #beginAgain(lost: HttpSession): Promise<boolean> {
    if (this.#beginning === null && this.#session.id !== lost.id) return true;
    this.#beginning ??= this.#reinitialize().finally(() => (this.#beginning = null));
    return this.#beginning;
  }

  async #reinitialize(): Promise<boolean> {
    const initialize = this.#initialize;
    if (initialize === null) return false;
    this.#stream?.abort();
    this.#session = noSession;
    try {
      const signal = this.#closing.signal;
      const answer = await this.#post(initialize, signal);
      const result = answer.status < 400 ? await firstAnswer(answer) : await readJson(answer);
      if (!isObject(result) || !isObject(result.result)) throw new Error(describe(answer.status, result));
      this.#begun(result, answer);
      if (this.#initialized) await drain(await this.#post(this.#initialized, signal));
      this.#tell("the server had lost the session; it was begun again, without what the server knew of it");
      void this.#listen(initialize.headers);
      this.#begunAgain?.();
      return true;
    } catch (error) {
      this.#tell(`the server had lost the session, and another could not be begun: ${reasonOf(error)}`);
      return false;
    }
  }

  /** What the server says by itself arrives on a stream of its own, where a server has one. */
  async #listen(own: Incoming["headers"]): Promise<void> {
    const stream = (this.#stream = new AbortController());
    const signal = AbortSignal.any([stream.signal, this.#closing.signal]);
    let lastEventId: string | undefined;
    let waitMs = REOPEN_MS;
    while (!signal.aborted) {
      let heard = false;
      try {
        const headers = { ...own, accept: "text/event-stream", ...sessionHeaders(this.#session), ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }) };
        const answer = await this.#endpoint.send({ method: "GET", headers, signal });
        if (answer.status !== 200 || !isEventStream(answer)) {
          await drain(answer);
          // It has no such stream, or the session is over. Only what is likely to pass is tried again.
          if (answer.status < 500 && answer.status !== 429) return;
        } else {
          for await (const event of eventsOf(answer)) {
            heard = true;
            lastEventId = event.id ?? lastEventId;
            waitMs = event.retryMs ?? REOPEN_MS;
            if (event.data.length > 0) await this.#toClient(event.data, null, answer);
          }
        }
      } catch {
        if (signal.aborted) return;
      }
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      if (!heard) waitMs = Math.min(waitMs * 2, LONGEST_REOPEN_MS);
    }
  }

  /** A call was refused for its headers: what they should be stands in a list that this client has not asked for yet. */
  async #learnTools({ message: call, headers }: Incoming, signal: AbortSignal): Promise<boolean> {
    const tool = call.params?.name;
    if (call.method !== "tools/call" || modernVersion(call) === undefined || typeof tool !== "string" || this.#params.knows(tool)) return false;
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page++) {
      const params = { _meta: call.params?._meta, ...(cursor === undefined ? {} : { cursor }) };
      const body = { jsonrpc: "2.0", id: `signalbox-tools-${page}`, method: "tools/list", params };
      const list: Message = { kind: "request", body, id: body.id, method: body.method, params, plain: true };
      const answer = await this.#post({ message: list, line: JSON.stringify(body), headers }, signal);
      const found = answer.status < 400 ? await firstAnswer(answer) : await readJson(answer);
      const result = isObject(found) ? found.result : undefined;
      if (!isObject(result)) return false;
      this.#params.learn(result);
      cursor = result.nextCursor;
      if (this.#params.knows(tool) || typeof cursor !== "string") break;
    }
    return this.#params.knows(tool);
  }

  /** What the proxy refused before it read the message names no id; over pipes nothing else says whose answer it is. */
  async #answerRefused(message: Message, status: number, refused: unknown): Promise<void> {
    const error = isObject(refused) && isObject(refused.error) ? refused.error : null;
    if (status === 401) this.#tell("the proxy does not accept the credential: pass --key-file or set SIGNALBOX_KEY (signalbox keys create makes a key)");
    if (error === null) return this.#refuse(message, status * 100 + 1, describe(status, refused));
    const code = typeof error.code === "number" ? error.code : status * 100 + 1;
    await this.#say(rpc.errorBody(message.id, code, String(error.message ?? describe(status, refused)), error.data));
  }

  #refuse(message: Message, code: number, text: string): Promise<void> {
    return this.#say(rpc.errorBody(message.id, code, text));
  }

  #say(message: Buffer | string): Promise<void> {
    return this.#write(oneLine(message));
  }
}

/** A message is one line here; line ends between the tokens of its JSON mean nothing, and within a string there are none. */
function oneLine(message: Buffer | string): Buffer | string {
  if (typeof message === "string") return `${message}\n`;
  const line = Buffer.concat([message, newLine]);
  for (let i = 0; i < message.length; i++) if (line[i] === 0x0a || line[i] === 0x0d) line[i] = 0x20;
  return line;
}

const newLine = Buffer.from("\n");

async function* eventsOf(answer: EndpointAnswer) {
  const events: Parameters<ConstructorParameters<typeof EventReader>[1]>[0][] = [];
  const reader = new EventReader(MAX_MESSAGE_BYTES, (event) => void events.push(event));
  for await (const chunk of answer.body) {
    reader.push(chunk);
    yield* events.splice(0);
  }
}

async function firstAnswer(answer: EndpointAnswer): Promise<unknown> {
  if (!isEventStream(answer)) return readJson(answer);
  let found: unknown;
  for await (const { data } of eventsOf(answer)) {
    const value = parseJson(data);
    if (isObject(value) && value.method === undefined) found ??= value;
  }
  return found;
}

async function readJson(answer: EndpointAnswer): Promise<unknown> {
  return parseJson(await readAll(answer));
}

async function readAll(answer: EndpointAnswer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += chunk.length;
    if (bytes > MAX_MESSAGE_BYTES) throw new Error(`the answer is longer than ${MAX_MESSAGE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

async function drain(answer: EndpointAnswer): Promise<void> {
  for await (const chunk of answer.body) void chunk;
}

function parseJson(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString("utf8"));
  } catch {
    return undefined;
  }
}

const isEventStream = (answer: EndpointAnswer): boolean => (answer.header("content-type") ?? "").startsWith("text/event-stream");
const keyOf = (id: unknown): string => `${typeof id === "string" ? "s" : "n"}${String(id as RpcId)}`;
const errorCode = (body: unknown): unknown => (isObject(body) && isObject(body.error) ? body.error.code : undefined);

/** A server that has no such session any more says 404; the proxy says it too for a server that it does not have. */
function isSessionLoss(status: number, session: HttpSession, body: unknown): boolean {
  return status === 404 && session.id !== undefined && errorCode(body) !== rpc.UNKNOWN_SERVER;
}

function describe(status: number, body: unknown): string {
  const message = isObject(body) && isObject(body.error) ? body.error.message : undefined;
  return typeof message === "string" ? message : `the proxy answered with status ${status}`;
}

const faults: Readonly<Record<string, string>> = {
  ECONNREFUSED: "The proxy is not running, or not where it was looked for.",
  UND_ERR_CONNECT_TIMEOUT: "The proxy could not be reached in time.",
  ENOTFOUND: "The proxy's name is not known.",
};

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return faults[code] ?? (code === "unknown" && error instanceof Error ? error.message : `The connection to the proxy failed (${code}).`);
}
