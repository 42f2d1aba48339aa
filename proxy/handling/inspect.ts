import type { ResponseAction } from "../registry/server-entry.ts";
import { checkContentTypes } from "./content-types.ts";
import { Findings } from "./findings.ts";
import { gate } from "./gates.ts";
import { reveal } from "./hidden.ts";
import { showLinks } from "./links.ts";
import { redacted, settled, type Match } from "./match.ts";
import { annotated } from "./notes.ts";
import { findPersonal } from "./personal.ts";
import { isAtLeast, strictest, type ResultPlan } from "./plan.ts";
import type { SchemaValidator } from "./schema/validate.ts";
import { INSTRUCTION_SCORE, type Scanner } from "./scanner.ts";
import { findSecrets, isSecretMember } from "./secrets.ts";
import { mapTexts, TooDeep, type JsonObject } from "./walk.ts";

/** Where a result comes from: how it is marked and what takes its place differ. */
export type ResultShape = "tool" | "prompt" | "resource" | "error";

export interface InspectOptions {
  /** The `result` of a message, or its `error`. It is not changed. */
  readonly result: JsonObject;
  readonly shape: ResultShape;
  readonly plan: ResultPlan;
  /** What the message's bytes may hold (gates.ts); all of it unless said otherwise. */
  readonly gates?: number;
  /** Of the tool's output, where its definition has one. */
  readonly schema?: SchemaValidator | null;
  readonly scan: Scanner;
  /** What the scanner said of the message's bytes, where it was asked; 0 spares the text another look. */
  readonly score?: number;
}

export interface Inspection {
  /** What is done to the result: for a server that is only observed, `pass`. */
  readonly action: ResponseAction;
  /** As in a record: kinds and counts, never what was found. */
  readonly findings: readonly string[];
  /** What takes the result's place; null where it passes as it is, or not at all. */
  readonly result: JsonObject | null;
}

const EVERYTHING = gate.secret | gate.email | gate.number | gate.hidden | gate.link;

/** Pure. Looks at one result and says what is done to it; of what the findings ask for the strictest is done. */
export function inspectResult(options: InspectOptions): Inspection {
  const inspector = new Inspector(options);
  const { plan } = options;
  let result: JsonObject = options.result;
  try {
    result = inspector.run();
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    inspector.found("too_deep", "block");
  }
  const findings = inspector.findings.list();
  const { action } = inspector;
  if (!plan.enforced) return { action: "pass", findings: action === "pass" ? findings : [...findings, `would_be:${action}`], result: null };
  if (action === "pass" || isAtLeast(action, "quarantine")) return { action, findings, result: null };
  return { action, findings, result: annotated(result, options.shape, action, inspector.findings) };
}

class Inspector {
  readonly findings = new Findings();
  action: ResponseAction = "pass";
  readonly #options: InspectOptions;
  readonly #gates: number;
  #textBytes = 0;
  #score = 0;
  #textScan: boolean;

  constructor(options: InspectOptions) {
    this.#options = options;
    const { gates = EVERYTHING, score } = options;
    this.#gates = gates & gate.escaped ? EVERYTHING : gates & EVERYTHING;
    this.#textScan = score === undefined;
    this.#score = score ?? 0;
  }

  found(finding: string, action: ResponseAction): void {
    this.findings.fact(finding);
    this.action = strictest(this.action, action);
  }

  run(): JsonObject {
    const { plan, shape } = this.#options;
    const typed = checkContentTypes(this.#options.result, plan.contentTypes);
    for (const type of typed.refused) this.found(`content_type:${type}`, "redact");
    let result = shape === "tool" ? this.#checkSchema(typed.result) : typed.result;
    // Taking instructions out needs their places, which only the text's own scan tells.
    if (this.#score >= INSTRUCTION_SCORE && plan.instructions === "redact") this.#textScan = true;
    result = mapTexts(result, (text, name) => this.#text(text, name)) as JsonObject;
    if (this.#textBytes > plan.maxTextBytes) this.found("too_large", "block");
    if (this.#score >= INSTRUCTION_SCORE) this.found(`instructions:${this.#score.toFixed(2)}`, plan.instructions);
    return result;
  }

  #checkSchema(result: JsonObject): JsonObject {
    const { schema, plan } = this.#options;
    const isComplete = result.resultType === undefined || result.resultType === "complete";
    if (!schema || result.isError === true || !isComplete) return result;
    const verdict = "structuredContent" in result ? schema.validate(result.structuredContent) : "mismatch";
    if (verdict === "fits") return result;
    this.found(verdict === "limit" ? "schema:limit" : "schema", plan.schemaMismatch);
    if (plan.schemaMismatch !== "redact") return result;
    const { structuredContent: _misfit, ...rest } = result;
    return rest;
  }

  #text(text: string, name: string): string {
    // An upper bound, exact enough for a limit, and cheap.
    this.#textBytes += text.length < 1024 ? text.length : Buffer.byteLength(text);
    if (text.length < 4) return text;
    const gates = name === "blob" ? EVERYTHING : this.#gates;
    let out = gates === 0 ? text : this.#mask(text, name, gates);
    if (this.#textScan || name === "blob") out = this.#instructions(text, out);
    return gates & (gate.hidden | gate.link) ? this.#show(out, gates) : out;
  }

  #mask(text: string, name: string, gates: number): string {
    const { plan } = this.#options;
    const masked: Match[] = [];
    if (gates & gate.secret) {
      const matches = findSecrets(text);
      if (matches.length === 0 && name !== "" && isSecretMember(name, text)) matches.push({ start: 0, end: text.length, kind: "assigned_secret" });
      this.#note("secret", settled(matches), plan.secrets, masked);
    }
    if (gates & (gate.email | gate.number)) this.#note("personal", settled(findPersonal(text, gates)), plan.personalData, masked);
    return masked.length === 0 ? text : redacted(text, settled(masked));
  }

  #note(family: "secret" | "personal", matches: readonly Match[], action: ResponseAction, masked: Match[]): void {
    if (matches.length === 0) return;
    for (const { kind } of matches) this.findings.count(family, kind);
    this.action = strictest(this.action, action);
    if (action === "redact") masked.push(...matches);
  }

  #instructions(text: string, out: string): string {
    const { plan, scan } = this.#options;
    const { score, spans } = scan.scanText(text);
    this.#score = Math.max(this.#score, score);
    if (plan.instructions !== "redact" || score < INSTRUCTION_SCORE) return out;
    // On the masked text the places have moved.
    const places = out === text ? spans : scan.scanText(out).spans;
    const strong = places.filter((span) => span.score >= INSTRUCTION_SCORE).map(({ start, end }) => ({ start, end, kind: "instructions" }));
    return redacted(out, settled(strong));
  }

  #show(text: string, gates: number): string {
    const { plan } = this.#options;
    const revealed = gates & gate.hidden ? reveal(text) : null;
    for (const [kind, count] of revealed?.counts ?? []) this.findings.count("hidden", kind, count);
    const seen = revealed?.text ?? text;
    const links = gates & gate.link ? showLinks(seen) : null;
    if (links) this.findings.count("hidden", "link", links.count);
    if (revealed === null && links === null) return text;
    this.action = strictest(this.action, plan.hidden);
    return plan.hidden === "pass" ? text : (links?.text ?? seen);
  }
}
