import { isObject, type JsonObject } from "../../transport/envelope.ts";
import { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, NO_COMMON_ERA, OVERLOADED } from "../../transport/rpc-error.ts";
import { CLIENT_CAPABILITIES_KEY, CLIENT_INFO_KEY, LOG_LEVEL_KEY, metaOf } from "../classify.ts";
import { Listeners } from "./listeners.ts";
import { URL_ELICITATION_REQUIRED, isQuestion, mayAsk, mayBeAskedAbout, pagesToVisit } from "./questions.ts";
import { bridgeInfo, clientCapabilities, discoverResult, isLevel, isLogged, isOfTasks, legacyParams, legacyRevisions, modernResult, onlyLegacy } from "./revisions.ts";
import { BEGUN_AGAIN, answerTo, codeOf, errorTo, isNotification, isRequest, newStep, objectOf, quoted, type EraBridge, type Step } from "./step.ts";

/** How long a call waits for its client to come back with answers, and a question for a call to be asked with. */
const SUSPENDED_MS = 10 * 60_000;
const QUESTION_MS = 30_000;
/** A server that has several questions asks them one after the other, and its client had better hear of all at once. */
const GATHER_MS = 20;
const MAX_SUSPENDED = 64;
const MAX_WAITING = 256;
const MAX_QUESTIONS = 16;
const RESOURCE_NOT_FOUND = -32002;

/** Something that the server asks, under its own id. */
interface Question {
  readonly serverId: unknown;
  readonly method: string;
  readonly params: unknown;
}

interface Call {
  readonly serverId: unknown;
  readonly method: string;
  /** What a call that comes back has to be the same as. */
  readonly asked: string;
  /** Under which id its client waits for it; null while the client has been asked something and has not come back. */
  clientId: unknown;
  /** The server's for the whole call, and the one of the request that waits for it now. */
  readonly serverToken: unknown;
  progressToken: unknown;
  logLevel: string | undefined;
  /** What the server asked and was not answered yet, by the key that the client answers under. */
  readonly questions: Map<string, Question>;
  /** While the client is away. */
  state: string;
  expiresMs: number;
  /** When its client is asked; 0: there is nothing to ask. */
  askAtMs: number;
  answer: JsonObject | null;
  /** The server ended the call to have a page visited first: it is made anew when the client comes back. */
  again: boolean;
}

/**
 * Clients of 2026-07-28, all of one caller and of the same capabilities, and a server of the older protocol alone. They share
 * a session, which begins with the first message. What the server asks in the middle of a call ends the client's request
 * with what it asks; the call goes on waiting in the session until its client comes back with the answers.
 */
export class NewClientBridge implements EraBridge {
  readonly #newId: () => string;
  #phase: "new" | "beginning" | "begun" | "failed" = "new";
  #server: JsonObject = {};
  #client: JsonObject = {};
  #logLevel = "";
  /** Calls that leave once the server has said that it knows their level. */
  readonly #behindLevel = new Map<unknown, JsonObject[]>();
  #levelId: unknown = null;
  #lastId = 0;
  #waiting: JsonObject[] = [];
  /** By the id that the server knows it under, in the order of their beginning. */
  readonly #calls = new Map<unknown, Call>();
  readonly #listeners = new Listeners();
  /** Asked while there was no call that could carry it. */
  #questions: { readonly question: Question; readonly untilMs: number }[] = [];

  /** `newId` makes ids that nobody can guess. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  fromClient(message: JsonObject, nowMs: number): Step {
    const step = newStep();
    if (this.#phase === "new" && isRequest(message)) this.#begin(message, step);
    if (this.#phase !== "beginning") this.#take(message, nowMs, step);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(message);
    else if (isRequest(message)) step.toClient.push(errorTo(message.id, OVERLOADED, "Too many requests wait for the server's session to begin."));
    return step;
  }

  fromServer(message: JsonObject, nowMs: number): Step {
    const step = newStep();
    if (isRequest(message)) this.#asked({ serverId: message.id, method: message.method as string, params: message.params }, nowMs, step);
    else if (isNotification(message)) this.#notified(message, step);
    else if (message.id === INITIALIZE) this.#begun(message, nowMs, step);
    else this.#answered(message, nowMs, step);
    return step;
  }

  tick(nowMs: number): Step {
    const step = newStep();
    for (const call of this.#calls.values()) {
      if (call.clientId === null && call.expiresMs <= nowMs) this.#drop(call, step);
      else if (call.askAtMs !== 0 && call.askAtMs <= nowMs) this.#putOff(call, nowMs, step);
    }
    const late = this.#questions.filter(({ untilMs }) => untilMs <= nowMs);
    this.#questions = this.#questions.filter(({ untilMs }) => untilMs > nowMs);
    for (const { question } of late) this.#refuse(question, step);
    return step;
  }

  #begin(message: JsonObject, step: Step): void {
    const meta = metaOf(objectOf(message.params));
    this.#phase = "beginning";
    this.#client = clientCapabilities(meta?.[CLIENT_CAPABILITIES_KEY]);
    const params = { protocolVersion: legacyRevisions[0], capabilities: this.#client, clientInfo: meta?.[CLIENT_INFO_KEY] ?? bridgeInfo };
    step.toServer.push({ jsonrpc: "2.0", id: INITIALIZE, method: "initialize", params });
  }

  #begun(message: JsonObject, nowMs: number, step: Step): void {
    const waiting = this.#waiting.splice(0);
    const { result, error } = message;
    const revision = objectOf(result).protocolVersion;
    if (!isObject(result) || !legacyRevisions.includes(revision as string)) {
      this.#phase = "failed";
      this.#server = { why: `The server speaks neither protocol era: ${quoted(objectOf(error).message, "initialize has no usable answer")}` };
    } else {
      this.#phase = "begun";
      this.#server = result;
      step.toServer.push({ jsonrpc: "2.0", method: "notifications/initialized" });
    }
    for (const one of waiting) this.#take(one, nowMs, step);
  }

  #take(message: JsonObject, nowMs: number, step: Step): void {
    if (isRequest(message)) this.#request(message, nowMs, step);
    // Of what a client says unasked, the newest revision knows nothing but cancellations.
    else if (message.method === "notifications/cancelled") this.#cancelled(objectOf(message.params).requestId, step);
  }

  #request(message: JsonObject, nowMs: number, step: Step): void {
    const { id, method } = message as { id: unknown; method: string };
    const params = objectOf(message.params);
    if (this.#phase === "failed") return void step.toClient.push(errorTo(id, NO_COMMON_ERA, this.#server.why as string));
    if (method === "server/discover") return void step.toClient.push(answerTo(id, discoverResult(this.#server)));
    if (method === "subscriptions/listen") {
      for (const uri of this.#listeners.add(id, objectOf(params.notifications), objectOf(this.#server.capabilities), step)) this.#own("resources/subscribe", { uri }, step);
      return;
    }
    if (onlyLegacy.has(method) || isOfTasks(method)) return void step.toClient.push(errorTo(id, METHOD_NOT_FOUND, isOfTasks(method) ? "Tasks are not bridged between protocol eras." : "Method not found"));
    if (params.requestState !== undefined) return this.#resume(id, method, params, nowMs, step);
    this.#call(id, method, params, nowMs, step);
  }

  #call(clientId: unknown, method: string, params: JsonObject, nowMs: number, step: Step): void {
    const meta = metaOf(params);
    const level = meta?.[LOG_LEVEL_KEY];
    const logLevel = isLevel(level) ? level : undefined;
    const call: Call = { serverId: clientId, method, asked: askedFor(method, params), clientId, serverToken: meta?.progressToken, progressToken: meta?.progressToken, logLevel, questions: new Map(), state: "", expiresMs: 0, askAtMs: 0, answer: null, again: false };
    this.#calls.set(clientId, call);
    if (logLevel !== undefined && logLevel !== this.#logLevel && isObject(objectOf(this.#server.capabilities).logging)) {
      this.#logLevel = logLevel;
      this.#levelId = this.#own("logging/setLevel", { level: logLevel }, step);
      this.#behindLevel.set(this.#levelId, []);
    }
    const message = { jsonrpc: "2.0", id: clientId, method, params: legacyParams(params) };
    const behind = logLevel === undefined ? undefined : this.#behindLevel.get(this.#levelId);
    if (behind) behind.push(message);
    else step.toServer.push(message);
    if (mayBeAskedAbout.has(method)) for (const { question } of this.#questions.splice(0)) this.#ask(call, question, nowMs, step);
  }

  /** A request of the bridge's own. */
  #own(method: string, params: JsonObject, step: Step): string {
    const id = `signalbox-${++this.#lastId}`;
    step.toServer.push({ jsonrpc: "2.0", id, method, params });
    return id;
  }

  /** The client comes back to a call with what the server asked for. */
  #resume(clientId: unknown, method: string, params: JsonObject, nowMs: number, step: Step): void {
    const call = [...this.#calls.values()].find(({ state }) => state !== "" && state === params.requestState);
    if (!call || call.asked !== askedFor(method, params)) return void step.toClient.push(errorTo(clientId, INVALID_PARAMS, "This requestState is of no call that waits here: it was used, took too long, or belongs to another call. Make the call anew."));
    const answers = objectOf(params.inputResponses);
    for (const [key, question] of call.questions) {
      const answer = answers[key];
      if (!isObject(answer)) continue;
      call.questions.delete(key);
      if (!call.again) step.toServer.push({ jsonrpc: "2.0", id: question.serverId, result: answer });
    }
    call.clientId = clientId;
    call.progressToken = metaOf(params)?.progressToken;
    call.state = "";
    if (call.questions.size > 0) return this.#putOff(call, nowMs, step);
    if (call.again) {
      this.#calls.delete(call.serverId);
      return this.#call(clientId, method, params, nowMs, step);
    }
    if (call.answer !== null) this.#answered(call.answer, nowMs, step);
  }

  #cancelled(clientId: unknown, step: Step): void {
    for (const call of this.#calls.values()) if (call.clientId === clientId) this.#drop(call, step);
    for (const uri of this.#listeners.remove(clientId)) this.#own("resources/unsubscribe", { uri }, step);
  }

  #drop(call: Call, step: Step): void {
    this.#end(call, step);
    if (call.answer === null && !call.again) step.toServer.push({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: call.serverId, reason: "the client has gone" } });
  }

  /** What it was to ask is asked by nobody any more; it may have been about another call, which would wait for ever. */
  #end(call: Call, step: Step): void {
    this.#calls.delete(call.serverId);
    for (const question of call.questions.values()) if (!call.again) this.#refuse(question, step);
  }

  #answered(message: JsonObject, nowMs: number, step: Step): void {
    const behind = this.#behindLevel.get(message.id);
    if (behind) {
      this.#behindLevel.delete(message.id);
      step.toServer.push(...behind.filter(({ id }) => this.#calls.has(id)));
    }
    const call = this.#calls.get(message.id);
    if (!call) return;
    const error = isObject(message.error) ? message.error : null;
    const pages = error?.code === URL_ELICITATION_REQUIRED ? pagesToVisit(error) : [];
    if (pages.length > 0 && pages.every((page) => mayAsk(this.#client, "elicitation/create", { ...page, mode: "url" }))) return this.#visitFirst(call, pages, nowMs, step);
    if (call.clientId === null) {
      call.answer = message;
      return;
    }
    this.#end(call, step);
    if (error === null) return void step.toClient.push(answerTo(call.clientId, modernResult(call.method, objectOf(message.result), this.#server.serverInfo)));
    const { code } = error;
    step.toClient.push(errorTo(call.clientId, code === RESOURCE_NOT_FOUND ? INVALID_PARAMS : code === URL_ELICITATION_REQUIRED ? INVALID_REQUEST : codeOf(code), typeof error.message === "string" ? error.message : "", error.data));
  }

  #visitFirst(call: Call, pages: readonly JsonObject[], nowMs: number, step: Step): void {
    for (const question of call.questions.values()) if (!call.again) this.#refuse(question, step);
    call.questions.clear();
    call.again = true;
    for (const page of pages) call.questions.set(this.#key(), { serverId: null, method: "elicitation/create", params: { ...page, mode: "url" } });
    if (call.clientId !== null) this.#putOff(call, nowMs, step);
  }

  #asked(question: Question, nowMs: number, step: Step): void {
    const { serverId, method, params } = question;
    if (method === "ping") return void step.toServer.push({ jsonrpc: "2.0", id: serverId, result: {} });
    if (!isQuestion(method) || !mayAsk(this.#client, method, params)) return void step.toServer.push({ jsonrpc: "2.0", id: serverId, error: { code: METHOD_NOT_FOUND, message: "The client does not support this." } });
    // Over most transports nothing says which call it is about. The answer finds its way back whichever carries it, so the
    // one that began last does; one whose client is away asks it when it comes back.
    const able = [...this.#calls.values()].filter((call) => mayBeAskedAbout.has(call.method) && !call.again);
    const call = able.findLast(({ clientId }) => clientId !== null) ?? able.at(-1);
    if (call) return this.#ask(call, question, nowMs, step);
    if (this.#questions.length >= MAX_QUESTIONS) return this.#refuse(question, step);
    this.#questions.push({ question, untilMs: nowMs + QUESTION_MS });
  }

  #ask(call: Call, question: Question, nowMs: number, step: Step): void {
    call.questions.set(this.#key(), question);
    if (call.clientId === null || call.askAtMs !== 0) return;
    call.askAtMs = nowMs + GATHER_MS;
    step.tickInMs = GATHER_MS;
  }

  #key = (): string => `q${++this.#lastId}`;

  /** Ends the client's request with what the server wants to know. */
  #putOff(call: Call, nowMs: number, step: Step): void {
    const { clientId } = call;
    // The server may have thought better of it meanwhile.
    if (call.questions.size === 0) return void (call.askAtMs = 0);
    call.clientId = null;
    call.askAtMs = 0;
    call.state = this.#newId();
    call.expiresMs = nowMs + SUSPENDED_MS;
    const inputRequests = Object.fromEntries([...call.questions].map(([key, { method, params }]) => [key, { method, ...(params === undefined ? {} : { params: modernQuestion(method, params) }) }]));
    step.toClient.push(answerTo(clientId, { resultType: "input_required", inputRequests, requestState: call.state }));
    const suspended = [...this.#calls.values()].filter((one) => one.clientId === null);
    if (suspended.length > MAX_SUSPENDED) this.#drop(suspended[0]!, step);
  }

  #refuse({ serverId }: Question, step: Step): void {
    step.toServer.push({ jsonrpc: "2.0", id: serverId, error: { code: INVALID_REQUEST, message: "No call is under way that the client could be asked with." } });
  }

  #notified(message: JsonObject, step: Step): void {
    const params = objectOf(message.params);
    switch (message.method) {
      case BEGUN_AGAIN:
        return this.#beginAgain(step);
      case "notifications/progress":
        return this.#progress(message, params, step);
      case "notifications/message":
        return this.#logged(message, params, step);
      case "notifications/cancelled":
        return this.#withdrawn(params.requestId);
      default:
        this.#listeners.tell(message.method as string, params, step);
    }
  }

  /** What the server knew of the session it has to be told anew. */
  #beginAgain(step: Step): void {
    this.#logLevel = "";
    for (const uri of this.#listeners.subscribed) this.#own("resources/subscribe", { uri }, step);
  }

  #progress(message: JsonObject, params: JsonObject, step: Step): void {
    const call = [...this.#calls.values()].find(({ serverToken }) => serverToken !== undefined && params.progressToken === serverToken);
    if (!call || call.clientId === null || call.progressToken === undefined) return;
    step.toClient.push({ message: { ...message, params: { ...params, progressToken: call.progressToken } }, about: call.clientId });
  }

  #logged(message: JsonObject, params: JsonObject, step: Step): void {
    const call = [...this.#calls.values()].findLast(({ clientId, logLevel }) => clientId !== null && logLevel !== undefined && isLogged(params.level, logLevel));
    if (call) step.toClient.push({ message, about: call.clientId });
  }

  /** The server has no use for an answer any more. */
  #withdrawn(serverId: unknown): void {
    this.#questions = this.#questions.filter(({ question }) => question.serverId !== serverId);
    for (const { questions } of this.#calls.values()) for (const [key, question] of questions) if (question.serverId === serverId) questions.delete(key);
  }
}

const INITIALIZE = "signalbox-initialize";

/** What a call asks for, without what belongs to one attempt at it. */
function askedFor(method: string, params: JsonObject): string {
  const { _meta, inputResponses: _responses, requestState: _state, ...rest } = params;
  return JSON.stringify([method, rest], (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value));
}

/** The newest revision has no ids for pages to visit: there is nobody who could say that one was. */
function modernQuestion(method: string, params: unknown): unknown {
  if (method !== "elicitation/create" || !isObject(params)) return params;
  const { elicitationId: _, ...rest } = params;
  return rest;
}
