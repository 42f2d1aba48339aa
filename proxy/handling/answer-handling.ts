import type { Call, Ending } from "../relay/call.ts";
import type { AnswerHandling, Handled, HandledQuestion, HandlingPlan } from "../relay/answer-handling.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import { isList } from "../relay/list-filter.ts";
import { endingOf } from "../relay/outcome.ts";
import { deprecationNotice } from "../registry/lifecycle.ts";
import { handlingFor, promptHandlingFor } from "./defaults.ts";
import { mayHoldValuesInResult } from "./flow/values.ts";
import { gate, gatesOf } from "./gates.ts";
import { inspectResult, type Inspection, type ResultShape } from "./inspect.ts";
import type { KeptResult, KeptResults } from "./kept-results.ts";
import { isJsonEncoding, needsExactness, readAnswer, readExactly, writeAnswer, type AnswerMessage } from "./message.ts";
import { withMeta } from "./notes.ts";
import { isAtLeast, type ResultPlan } from "./plan.ts";
import { OutputSchemas, type SeenDefinition } from "./schema/output-schemas.ts";
import { INSTRUCTION_SCORE, type Scanner } from "./scanner.ts";
import type { SchemaValidator } from "./schema/validate.ts";
import { stubBody } from "./stubs.ts";
import { isDeeper, isObject, textsOf, TooDeep, type JsonObject } from "./walk.ts";

export interface ResultHandlingOptions {
  readonly scan: Scanner;
  /** The tool's definition as it was last seen. */
  readonly definitionOf: (server: string, tool: string) => SeenDefinition | undefined;
  /** Without one, what would be quarantined is blocked. */
  readonly kept: Pick<KeptResults, "hold" | "find" | "bytesOf"> | null;
  /** What a caller may see of a list. */
  readonly list?: (call: Call, result: JsonObject) => Listed | Promise<Listed>;
  /** The agent is about to read this, and the call is recorded as `callId`. */
  readonly noteRead?: (call: Call, read: NonNullable<Handled["flow"]>, callId: string) => void;
}

/** A list as its reader gets it. */
export interface Listed {
  readonly result: JsonObject;
  /** For the record; empty where it is as it was. */
  readonly findings: readonly string[];
  /** Something was taken out because of what it is, and not because of who reads it. */
  readonly withheld: boolean;
}

const lists: ReadonlySet<string> = new Set(["tools/list", "prompts/list", "resources/list", "resources/templates/list"]);

interface Prepared extends HandlingPlan {
  readonly plan: ResultPlan;
  readonly shape: ResultShape | "list" | "unknown";
  /** Put into the result's `_meta` under these keys. */
  readonly notice: JsonObject | null;
}

/** Text of which nothing can turn up in an argument: that it was read is all there is to note. */
const justWords: readonly FlowText[] = Object.freeze([{ text: " ", spans: [] }]);
const clean: readonly string[] = Object.freeze([]);

/** Members of `_meta` that only this proxy may set. */
const OUR_META = "io.signalbox/";
export const LIFECYCLE_KEY = "io.signalbox/lifecycle";


/** Everything that is done to answers between the upstream and the agent. Holds no state but what it can make again. */
export class ResultHandling implements AnswerHandling {
  readonly #options: ResultHandlingOptions;
  readonly #schemas = new OutputSchemas();
  /** An entry is replaced when the registry changes, and its plans go with it. */
  readonly #plans = new WeakMap<ServerEntry, Map<string, Prepared | null>>();

  constructor(options: ResultHandlingOptions) {
    this.#options = options;
  }

  prepare(call: Call): HandlingPlan | null {
    const { entry } = call;
    if (entry === null) return null;
    // On a listening stream come answers to calls whose own stream broke off; nobody knows any more which tool was called.
    const method = call.message === null ? (call.method === "transport/stream" ? "*" : "") : call.message.kind === "request" ? call.method : "";
    const name = method === "tools/call" ? call.tool : "";
    const key = `${method} ${name}`;
    let plans = this.#plans.get(entry);
    if (plans === undefined) this.#plans.set(entry, (plans = new Map<string, Prepared | null>()));
    let prepared = plans.get(key);
    if (prepared === undefined) {
      prepared = this.#plan(entry, method, name);
      // Names of tools are the caller's own words: only so many are remembered.
      if (plans.size < MAX_PLANS) plans.set(key, prepared);
    }
    return prepared;
  }

  #plan(entry: ServerEntry, method: string, tool: string): Prepared | null {
    const notice = deprecationNotice(entry);
    const meta = notice === undefined ? null : { [LIFECYCLE_KEY]: { state: "deprecated", ...notice } };
    const prepared = (plan: ResultPlan, shape: Prepared["shape"]): Prepared => ({ plan, shape, notice: meta });
    if (method === "tools/call") {
      const plan = handlingFor(entry, tool);
      return needsWhole(plan, entry) || meta !== null ? prepared(plan, "tool") : null;
    }
    if (method === "prompts/get") return prepared(promptHandlingFor(entry), "prompt");
    if (method === "resources/read") return prepared(handlingFor(entry, ""), "resource");
    if (lists.has(method)) return this.#options.list || meta !== null ? prepared(handlingFor(entry, ""), "list") : null;
    // Results of calls that run as tasks come by these.
    return method === "*" || method.startsWith("tasks/") ? prepared(handlingFor(entry, ""), "unknown") : null;
  }

  finish(call: Call, handlingPlan: HandlingPlan, bytes: Buffer): Handled | Promise<Handled> {
    const prepared = handlingPlan as Prepared;
    const { plan, shape } = prepared;
    if (!isJsonEncoding(bytes)) return stubbed(call, bytes, { findings: ["encoding"], quarantineId: "", expiresMs: 0, status: "blocked" });
    if (shape === "list") return this.#list(call, prepared, bytes);
    const gates = gatesOf(bytes);
    const { score } = this.#options.scan.scanJson(bytes);
    const schema = shape === "tool" ? this.#schemas.of(this.#options.definitionOf(call.serverName, call.tool)) : null;
    const mayPass = gates === 0 && score < INSTRUCTION_SCORE && bytes.length <= plan.maxTextBytes && schema === null && prepared.notice === null;
    if (mayPass && (shape !== "unknown" || !this.#options.list)) {
      return { bytes: null, handling: "pass", findings: clean, flow: { trusted: plan.trusted, texts: () => (score === 0 && !mayHoldValuesInResult(bytes) ? justWords : this.#texts(readAnswer(bytes)?.value, score)) } };
    }
    const answer = readAnswer(bytes);
    if (answer === null) return this.#unreadable(call, plan, bytes, gates);
    if (answer.member === "result" && shape === "unknown" && isList(answer.value)) return this.#list(call, prepared, bytes);
    return this.#inspect(call, prepared, answer, bytes, { gates, score, schema });
  }

  question(call: Call, handlingPlan: HandlingPlan, params: JsonObject): HandledQuestion {
    const { plan } = handlingPlan as Prepared;
    const bytes = Buffer.from(JSON.stringify(params));
    const { action, findings, result } = inspectResult({ result: params, shape: "prompt", plan, gates: gatesOf(bytes), scan: this.#options.scan });
    if (isAtLeast(action, "quarantine")) return { ...stubbed(call, null, { findings, quarantineId: "", expiresMs: 0, status: "blocked", isQuestion: true }), params };
    const shown = result ?? params;
    return { bytes: null, handling: action, findings, params: shown, flow: { trusted: plan.trusted, texts: () => this.#texts(shown, 1) } };
  }

  #inspect(call: Call, { plan, shape, notice }: Prepared, answer: AnswerMessage, bytes: Buffer, seen: { gates: number; score: number; schema: SchemaValidator | null }): Handled | Promise<Handled> {
    const { gates, schema } = seen;
    // Where plain characters are escaped, the bytes do not read as the text does.
    const isEscaped = (gates & gate.escaped) !== 0;
    const score = isEscaped ? undefined : seen.score;
    const isError = answer.member === "error";
    const options = { shape: isError ? "error" : shape === "unknown" || shape === "list" ? shapeOf(answer.value) : shape, plan, gates, schema, scan: this.#options.scan, ...(score === undefined ? {} : { score }) } as const;
    const cleaned = withoutOurMeta(answer.value);
    const inspection = inspectResult({ ...options, result: cleaned });
    const { action, findings } = inspection;
    if (action === "block") return stubbed(call, bytes, { findings, quarantineId: "", expiresMs: 0, status: "blocked" });
    if (action === "quarantine") return this.#quarantine(call, bytes, findings);

    const value = inspection.result ?? cleaned;
    const flow = { trusted: plan.trusted, texts: () => this.#texts(value, score ?? 1) };
    const noticed = notice !== null && !isError;
    if (value === answer.value && !noticed) return { bytes: null, handling: action, findings, flow };
    return { bytes: this.#rewritten(answer, bytes, value, options, noticed ? notice : null), handling: action, findings, flow };
  }

  /** Written anew with its numbers as they were, which the first, quick parse does not keep. */
  #rewritten(answer: AnswerMessage, bytes: Buffer, value: JsonObject, options: Omit<Parameters<typeof inspectResult>[0], "result">, notice: JsonObject | null): Buffer {
    const exact = needsExactness(bytes) ? readExactly(bytes) : null;
    if (exact === null) return writeAnswer(answer, noted(value, notice));
    const cleaned = withoutOurMeta(exact.value);
    // The schema was checked before, against numbers; here they are source text.
    const again = inspectResult({ ...options, schema: null, result: cleaned });
    return writeAnswer(exact, noted(again.result ?? cleaned, notice));
  }

  async #quarantine(call: Call, bytes: Buffer, findings: readonly string[]): Promise<Handled> {
    const held = (await this.#options.kept?.hold(call, bytes, findings)) ?? null;
    if (held === null) return stubbed(call, bytes, { findings: [...findings, "quarantine_failed"], quarantineId: "", expiresMs: 0, status: "blocked" });
    return stubbed(call, bytes, { findings, ...held, status: "held" });
  }

  /** Neither a result nor an error, but a client may show it all the same: clean text passes as it is, nothing else does. */
  #unreadable(call: Call, plan: ResultPlan, bytes: Buffer, gates: number): Handled {
    const text = bytes.toString("utf8");
    const { action, findings } = inspectResult({ result: { text }, shape: "error", plan, gates, scan: this.#options.scan });
    if (action === "pass") return { bytes: null, handling: "pass", findings };
    return stubbed(call, bytes, { findings: ["unreadable", ...findings], quarantineId: "", expiresMs: 0, status: "blocked" });
  }

  #list(call: Call, { notice }: Prepared, bytes: Buffer): Handled | Promise<Handled> {
    const answer = readExactly(bytes);
    const { list } = this.#options;
    // Nobody can say what is in it, or write it anew.
    if (answer === null || isDeeper(answer.message)) return stubbed(call, bytes, { findings: ["unreadable"], quarantineId: "", expiresMs: 0, status: "blocked" });
    if (answer.member === "error") return { bytes: null, handling: "pass", findings: clean };
    // Written anew in any case: a member that comes twice would be judged in one reading and shown in the other.
    const done = ({ result, findings, withheld }: Listed): Handled => {
      return { bytes: writeAnswer(answer, noted(withoutOurMeta(result), notice)), handling: withheld ? "redact" : "pass", findings };
    };
    const listed = list?.(call, answer.value) ?? { result: answer.value, findings: clean, withheld: false };
    return listed instanceof Promise ? listed.then(done) : done(listed);
  }

  recorded(call: Call, handled: Handled, callId: string): void {
    if (handled.flow) this.#options.noteRead?.(call, handled.flow, callId);
  }

  /**
   * The answer to a call whose result was kept back before: null where there is none, and the call is to be forwarded. Ask
   * after the call was decided on and before it is forwarded, so that nothing is done twice.
   */
  answerKept(call: Call): Promise<Handled> | null {
    const found = this.#options.kept?.find(call) ?? null;
    return found === null ? null : this.#answerKept(call, found);
  }

  async #answerKept(call: Call, found: KeptResult): Promise<Handled> {
    const { quarantineId, expiresMs, findings } = found.quarantined.item;
    const stub = { findings, quarantineId, expiresMs };
    if (found.kind === "held" || found.kind === "deleted") return stubbed(call, null, { ...stub, status: found.kind });
    const bytes = (await this.#options.kept?.bytesOf(quarantineId)) ?? null;
    const answer = bytes === null ? null : readExactly(bytes);
    if (bytes === null || answer === null) return stubbed(call, null, { findings: ["quarantine_lost"], quarantineId, expiresMs, status: "blocked" });

    const cleaned = withoutOurMeta(answer.value);
    const shape = answer.member === "error" ? "error" : shapeOf(cleaned);
    const plan = call.entry === null ? null : handlingFor(call.entry, call.tool);
    const inspection: Inspection | null =
      found.kind === "redacted" && plan !== null ? inspectResult({ result: cleaned, shape, plan: { ...plan, ...redacting }, scan: this.#options.scan }) : null;
    const value = inspection?.result ?? cleaned;
    const marked = answer.member === "error" ? value : withMeta(value, { action: found.kind === "redacted" ? "redact" : "release", quarantineId, findings: inspection?.findings ?? findings });
    const ending = keptEnding(answer);
    const flow = { trusted: plan?.trusted ?? false, texts: () => this.#texts(value, 1) };
    const handling = found.kind === "redacted" ? "redact" : "pass";
    return { bytes: writeAnswer(answer, marked, call.message?.id ?? null), handling, findings: [`${found.kind}:${quarantineId}`], ending, flow };
  }

  /** With what the scanner says of each; a message of which it said nothing as a whole is not asked about again. */
  #texts(value: JsonObject | undefined, score: number): FlowText[] {
    if (value === undefined) return [];
    try {
      return textsOf(value).map((text) => ({ text, spans: score > 0 ? this.#options.scan.scanText(text).spans : [] }));
    } catch (error) {
      if (error instanceof TooDeep) return [];
      throw error;
    }
  }
}

type FlowText = ReturnType<NonNullable<Handled["flow"]>["texts"]>[number];

const MAX_PLANS = 4096;
const redacting = { schemaMismatch: "pass", secrets: "redact", personalData: "redact", instructions: "redact", hidden: "annotate", maxTextBytes: Infinity, enforced: true } as const;

/** Whether an answer must be whole before anything of it may leave. */
function needsWhole(plan: ResultPlan, entry: ServerEntry): boolean {
  const changes = [plan.schemaMismatch, plan.secrets, plan.personalData, plan.instructions, plan.hidden].some((action) => action !== "pass");
  return !plan.trusted || changes || !plan.contentTypes.includes("*") || entry.handling.maxTextBytes !== undefined;
}

function shapeOf(result: JsonObject): ResultShape {
  return Array.isArray(result.messages) ? "prompt" : Array.isArray(result.contents) ? "resource" : "tool";
}

function stubbed(call: Call, upstream: Buffer | null, kept: Parameters<typeof stubBody>[1]): Handled {
  const held = kept.status !== "blocked";
  // On a listening stream the message says itself which call it answers.
  const id = call.message === null && upstream !== null ? readAnswer(upstream)?.message.id : undefined;
  const ending: Ending = { outcome: "quarantined", errorType: held ? "quarantined" : "blocked", httpStatus: 200 };
  return { bytes: stubBody(call, kept, id), handling: held ? "quarantine" : "block", findings: kept.findings, ending };
}

function keptEnding(answer: AnswerMessage): Ending {
  const { value, member } = answer;
  const facts = { kind: member, answers: true, id: "", method: "", isError: value.isError === true, resultType: "", errorCode: member === "error" ? String(value.code) : "" };
  return endingOf(facts, 200, true);
}

/** A server that says what this proxy did is not believed. */
function withoutOurMeta(value: JsonObject): JsonObject {
  const meta = value._meta;
  if (!isObject(meta) || !Object.keys(meta).some((key) => key.startsWith(OUR_META))) return value;
  return { ...value, _meta: Object.fromEntries(Object.entries(meta).filter(([key]) => !key.startsWith(OUR_META))) };
}

function noted(value: JsonObject, notice: JsonObject | null): JsonObject {
  if (notice === null) return value;
  return { ...value, _meta: { ...(isObject(value._meta) ? value._meta : {}), ...notice } };
}

