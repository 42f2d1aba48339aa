import { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, NOT_BRIDGEABLE, NO_COMMON_ERA } from "../../transport/rpc-error.ts";
import { isObject, type JsonObject } from "../../transport/envelope.ts";
import { SUBSCRIPTION_ID_KEY, isModernVersion } from "../classify.ts";
import { isQuestion, mayAsk, mayBeAskedAbout } from "./questions.ts";
import { clientCapabilities, initializeResult, isLevel, isOfTasks, legacyResult, modernParams, serverCapabilities } from "./revisions.ts";
import { answerTo, codeOf, errorTo, isNotification, isRequest, newStep, objectOf, quoted, type EraBridge, type Step } from "./step.ts";

/** How often a server may ask about one call before it is taken for one that never has enough. */
const MAX_ROUNDS = 8;
const MAX_SUBSCRIPTIONS = 1000;
const LISTEN_AGAIN_MS = 1000;
const LONGEST_LISTEN_AGAIN_MS = 60_000;
/** What a client of the older protocol is told by its server when it never said what it wants to be told. */
const USUAL_LEVEL = "info";

interface Client {
  readonly info: unknown;
  readonly capabilities: JsonObject;
}

/** The client's `initialize`, while the server is asked. */
interface Initializing {
  readonly clientId: unknown;
  readonly serverId: number;
  readonly asked: unknown;
}

/** A call of the client's, through all its rounds. */
interface Call {
  readonly clientId: unknown;
  readonly method: string;
  readonly params: JsonObject;
  rounds: number;
  /** While the client is being asked: what the server gets back beside the answers. */
  requestState: unknown;
  readonly responses: Map<string, JsonObject>;
  unanswered: number;
}

/** The one stream on which the server tells what changed. */
interface Listening {
  readonly serverId: number;
  /** Subscriptions of the client's that are answered once the stream stands. */
  readonly waiting: unknown[];
}

/**
 * A client of the older protocol and a server of 2026-07-28 alone. The session is ours: `initialize` is answered from what
 * `server/discover` says, and each request carries what the session knows. Where an answer asks for input, the client gets
 * the server's questions as requests, and the call is made again with what it said.
 */
export class OldClientBridge implements EraBridge {
  #client: Client | null = null;
  #initializing: Initializing | null = null;
  #capabilities: JsonObject = {};
  #logLevel: string | undefined;
  #lastId = 0;
  /** By the id that the server knows it under. */
  readonly #calls = new Map<number, Call>();
  /** By the id that the client was asked under. */
  readonly #questions = new Map<string, { readonly call: Call; readonly key: string; readonly method: string }>();
  readonly #subscribed = new Set<string>();
  #listening: Listening | null = null;
  #initialized = false;
  #listenAtMs: number | null = null;
  #listenWaitMs = LISTEN_AGAIN_MS;

  fromClient(message: JsonObject): Step {
    const step = newStep();
    if (isRequest(message)) this.#request(message, step);
    else if (isNotification(message)) this.#notification(message, step);
    else this.#answered(message, step);
    return step;
  }

  fromServer(message: JsonObject, nowMs: number): Step {
    const step = newStep();
    if (isNotification(message)) this.#notified(message, step);
    else if (message.method === undefined) this.#response(message, nowMs, step);
    // The newest revision has no requests from servers: nobody would know what one was about.
    return step;
  }

  tick(nowMs: number): Step {
    const step = newStep();
    if (this.#listenAtMs !== null && nowMs >= this.#listenAtMs) this.#listen(step);
    return step;
  }

  #request(message: JsonObject, step: Step): void {
    const { id, method } = message as { id: unknown; method: string };
    const params = objectOf(message.params);
    if (method === "initialize") return this.#initialize(id, params, step);
    if (method === "ping") return void step.toClient.push(answerTo(id, {}));
    if (this.#client === null || this.#initializing !== null) return void step.toClient.push(errorTo(id, INVALID_REQUEST, "The session has not begun; begin with initialize."));
    switch (method) {
      case "logging/setLevel":
        if (isLevel(params.level)) this.#logLevel = params.level;
        return void step.toClient.push(answerTo(id, {}));
      case "resources/subscribe":
      case "resources/unsubscribe":
        return this.#subscribe(id, method === "resources/subscribe", params.uri, step);
      default:
        if (isOfTasks(method)) return void step.toClient.push(errorTo(id, METHOD_NOT_FOUND, "Tasks are not bridged between protocol eras."));
        this.#call({ clientId: id, method, params, rounds: 0, requestState: undefined, responses: new Map(), unanswered: 0 }, {}, step);
    }
  }

  #initialize(clientId: unknown, { protocolVersion, capabilities, clientInfo }: JsonObject, step: Step): void {
    this.#client = { info: clientInfo, capabilities: clientCapabilities(capabilities) };
    this.#initializing = { clientId, serverId: this.#send("server/discover", {}, step), asked: protocolVersion };
  }

  #call(call: Call, round: JsonObject, step: Step): void {
    this.#calls.set(this.#send(call.method, { ...call.params, ...round }, step), call);
  }

  #send(method: string, params: JsonObject, step: Step): number {
    const id = ++this.#lastId;
    const { info, capabilities } = this.#client ?? { info: undefined, capabilities: {} };
    step.toServer.push({ jsonrpc: "2.0", id, method, params: modernParams(params, { info, capabilities, logLevel: this.#capabilities.logging === undefined ? undefined : (this.#logLevel ?? USUAL_LEVEL) }) });
    return id;
  }

  #cancel(serverId: number, step: Step): void {
    step.toServer.push({ jsonrpc: "2.0", method: "notifications/cancelled", params: modernParams({ requestId: serverId }, { info: undefined, capabilities: {}, logLevel: undefined }) });
  }

  #notification(message: JsonObject, step: Step): void {
    if (message.method === "notifications/initialized") {
      this.#initialized = true;
      if (this.#listening === null) this.#listen(step);
    } else if (message.method === "notifications/cancelled") this.#cancelled(objectOf(message.params).requestId, step);
    // Progress of an answer and changed roots have nobody to hear of them: the server asks anew when it wants to know.
  }

  #cancelled(clientId: unknown, step: Step): void {
    for (const [serverId, call] of this.#calls) {
      if (call.clientId !== clientId) continue;
      this.#calls.delete(serverId);
      this.#cancel(serverId, step);
    }
    for (const { call } of this.#questions.values()) if (call.clientId === clientId) this.#withdraw(call, step);
  }

  /** What the client is still being asked about a call is of no use any more. */
  #withdraw(of: Call, step: Step): void {
    for (const [id, { call }] of this.#questions) {
      if (call !== of) continue;
      this.#questions.delete(id);
      step.toClient.push({ message: { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id, reason: "the call is over" } }, about: of.clientId });
    }
  }

  /** The client's answer to one of the questions. With the last one the call is made again. */
  #answered(message: JsonObject, step: Step): void {
    const id = message.id as string;
    const asked = this.#questions.get(id);
    if (!asked) return;
    this.#questions.delete(id);
    const { call, key, method } = asked;
    const answer = isObject(message.result) ? message.result : method === "elicitation/create" ? { action: "cancel" } : null;
    if (answer === null) {
      this.#withdraw(call, step);
      return void step.toClient.push(errorTo(call.clientId, NOT_BRIDGEABLE, `The client did not answer the server's request ${method}: ${quoted(objectOf(message.error).message, "no reason given")}`));
    }
    call.responses.set(key, answer);
    if (--call.unanswered > 0) return;
    const { responses, requestState } = call;
    this.#call(call, { inputResponses: Object.fromEntries(responses), ...(requestState === undefined ? {} : { requestState }) }, step);
  }

  #response(message: JsonObject, nowMs: number, step: Step): void {
    const id = message.id as number;
    if (this.#initializing !== null && this.#initializing.serverId === id) return this.#discovered(this.#initializing, message, step);
    if (this.#listening !== null && this.#listening.serverId === id) return this.#listenEnded(this.#listening, message, nowMs, step);
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    if (!isObject(message.result)) return void step.toClient.push({ message: { ...message, id: call.clientId } });
    const { resultType = "complete" } = message.result;
    if (resultType === "complete") return void step.toClient.push(answerTo(call.clientId, legacyResult(message.result)));
    const fault = resultType === "input_required" ? this.#ask(call, message.result, step) : `The server answered with a result of the type ${quoted(resultType, "?")}, which the client's protocol revision does not have.`;
    if (fault !== null) step.toClient.push(errorTo(call.clientId, NOT_BRIDGEABLE, fault));
  }

  #discovered({ clientId, asked }: Initializing, { result, error }: JsonObject, step: Step): void {
    const versions = objectOf(result).supportedVersions;
    if (!isObject(result) || !Array.isArray(versions) || !versions.some(isModernVersion)) {
      return void step.toClient.push(errorTo(clientId, NO_COMMON_ERA, `The server speaks neither protocol era: ${quoted(objectOf(error).message, "server/discover has no usable answer")}`));
    }
    this.#initializing = null;
    this.#capabilities = serverCapabilities(result.capabilities);
    step.toClient.push(answerTo(clientId, initializeResult(result, asked)));
  }

  /** Asks the client what the server wants to know. Null, or why that can't be. */
  #ask(call: Call, { inputRequests, requestState }: JsonObject, step: Step): string | null {
    if (!mayBeAskedAbout.has(call.method)) return "The server asks for input where the protocol has no room for it.";
    if (++call.rounds > MAX_ROUNDS) return `The server asked for input more than ${MAX_ROUNDS} times about one call.`;
    const asked = Object.entries(objectOf(inputRequests));
    if (asked.length === 0 && typeof requestState !== "string") return "The server asks for input and does not say which.";
    const refused = asked.find(([, request]) => !isObject(request) || !isQuestion(request.method) || !mayAsk(this.#client!.capabilities, request.method, request.params));
    if (refused) return `The server asks for ${quoted(objectOf(refused[1]).method, "something")}, which the client does not support.`;
    call.requestState = requestState;
    call.responses.clear();
    call.unanswered = asked.length;
    // Nothing to ask: the server only wants to be called again.
    if (asked.length === 0) return this.#call(call, { requestState }, step), null;
    for (const [key, request] of asked) {
      const { method, params } = request as { method: string; params?: unknown };
      const id = `signalbox-${++this.#lastId}`;
      this.#questions.set(id, { call, key, method });
      step.toClient.push({ message: { jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params: legacyQuestion(method, params, id) }) }, about: call.clientId });
    }
    return null;
  }

  #subscribe(id: unknown, on: boolean, uri: unknown, step: Step): void {
    if (objectOf(this.#capabilities.resources).subscribe !== true) return void step.toClient.push(errorTo(id, METHOD_NOT_FOUND, "The server has no subscriptions to resources."));
    if (on && this.#subscribed.size >= MAX_SUBSCRIPTIONS) return void step.toClient.push(errorTo(id, INVALID_REQUEST, `A session has at most ${MAX_SUBSCRIPTIONS} subscriptions.`));
    if (typeof uri !== "string") return void step.toClient.push(errorTo(id, INVALID_PARAMS, "params.uri must be a string"));
    if (on) this.#subscribed.add(uri);
    else this.#subscribed.delete(uri);
    this.#listen(step);
    if (on && this.#listening !== null) this.#listening.waiting.push(id);
    else step.toClient.push(answerTo(id, {}));
  }

  /** The stream says what it is for when it begins: for anything else another takes its place. */
  #listen(step: Step): void {
    this.#listenAtMs = null;
    const before = this.#listening;
    const changes = (of: string): boolean => this.#initialized && objectOf(this.#capabilities[of]).listChanged === true;
    const notifications = {
      ...(changes("tools") ? { toolsListChanged: true } : {}),
      ...(changes("prompts") ? { promptsListChanged: true } : {}),
      ...(changes("resources") ? { resourcesListChanged: true } : {}),
      ...(this.#subscribed.size > 0 ? { resourceSubscriptions: [...this.#subscribed] } : {}),
    };
    this.#listening = Object.keys(notifications).length === 0 ? null : { serverId: this.#send("subscriptions/listen", { notifications }, step), waiting: before?.waiting ?? [] };
    if (before !== null) this.#cancel(before.serverId, step);
  }

  #listenEnded({ waiting }: Listening, { error }: JsonObject, nowMs: number, step: Step): void {
    this.#listening = null;
    const { code, message } = objectOf(error);
    for (const id of waiting) step.toClient.push(errorTo(id, code === undefined ? NOT_BRIDGEABLE : codeOf(code), quoted(message, "The server ended the subscription.")));
    if (code === METHOD_NOT_FOUND) return;
    this.#listenAtMs = nowMs + this.#listenWaitMs;
    this.#listenWaitMs = Math.min(this.#listenWaitMs * 2, LONGEST_LISTEN_AGAIN_MS);
  }

  #notified(message: JsonObject, step: Step): void {
    const params = objectOf(message.params);
    const meta = objectOf(params._meta);
    if (message.method === "notifications/subscriptions/acknowledged") {
      if (this.#listening === null || meta[SUBSCRIPTION_ID_KEY] !== this.#listening.serverId) return;
      this.#listenWaitMs = LISTEN_AGAIN_MS;
      for (const id of this.#listening.waiting.splice(0)) step.toClient.push(answerTo(id, {}));
      return;
    }
    if (meta[SUBSCRIPTION_ID_KEY] === undefined) return void step.toClient.push({ message });
    // The stream that another has taken the place of says nothing any more: the client would hear it twice.
    if (meta[SUBSCRIPTION_ID_KEY] !== this.#listening?.serverId) return;
    const { [SUBSCRIPTION_ID_KEY]: _id, ...kept } = meta;
    const { _meta: _, ...rest } = params;
    step.toClient.push({ message: { ...message, params: Object.keys(kept).length > 0 ? { ...rest, _meta: kept } : rest } });
  }
}

/** A page to visit has an id in the older protocol, by which its server would say that it was. */
function legacyQuestion(method: string, params: unknown, id: string): unknown {
  return method === "elicitation/create" && isObject(params) && params.mode === "url" && params.elicitationId === undefined ? { ...params, elicitationId: id } : params;
}
