import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Composer, Lexer, LineCounter, Parser, isScalar, parseDocument, type Document, type Scalar } from "yaml";
import type { z } from "zod";
import { locate } from "../../collector/kernel/config.ts";
import { FileError, type FileProblem } from "../../collector/kernel/errors.ts";
import { finish, type Steps } from "../policy/steps.ts";

/** A YAML file that was read, with the means to say where in it something stands. */
export interface YamlFile {
  readonly file: string;
  readonly text: string;
  readonly value: unknown;
  at(path: readonly PropertyKey[], message: string, remedy?: string): FileProblem;
  /** The scalar as it was written, for places inside it; undefined where the path leads to none. */
  scalar(path: readonly PropertyKey[]): Scalar | undefined;
  positionOf(offset: number): { line: number; column: number };
}

/** Throws one FileError for all the faults, in the order of their places, if there are any. */
export function refuse(problems: FileProblem[]): void {
  if (problems.length > 0) throw new FileError(problems.sort(byPlace));
}

export function byPlace(a: FileProblem, b: FileProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** The `.yaml` and `.yml` files directly in a directory, by name: order matters where rules are told apart by it. */
export function listYamlFiles(directory: string, problems: FileProblem[]): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && /\.ya?ml$/.test(entry.name) && !entry.name.startsWith("."))
      .map((entry) => join(directory, entry.name))
      .sort();
  } catch (error) {
    problems.push(unreadable(directory, error, "create the directory, or correct its path in signalbox.yaml"));
    return [];
  }
}

/** How a loader gets at a file: `readYamlFile`, or something that has the file parsed already. */
export type ReadYaml = (file: string, problems: FileProblem[]) => YamlFile | undefined;

/** Undefined when the file cannot be read or is not YAML; why is added to `problems`. */
export function readYamlFile(file: string, problems: FileProblem[]): YamlFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    problems.push(unreadable(file, error));
    return undefined;
  }
  return parseYaml(file, text, problems);
}

export function parseYaml(file: string, text: string, problems: FileProblem[]): YamlFile | undefined {
  return finish(parseYamlSteps(file, text, problems));
}

/** About a millisecond's worth. */
const LEXEMES_A_STEP = 1000;

/** The same in steps, for a caller that has other work to do in between: a file of a thousand rules takes 0.2 s. */
export function* parseYamlSteps(file: string, text: string, problems: FileProblem[]): Steps<YamlFile | undefined> {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({ prettyErrors: false });
  const documents: Document[] = [];
  let lexemes = 0;
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) documents.push(...composer.next(token));
    if (++lexemes % LEXEMES_A_STEP === 0) yield;
  }
  for (const token of parser.end()) documents.push(...composer.next(token));
  documents.push(...composer.end(true, text.length));
  yield;

  const [doc, second] = documents;
  const positionOf = (offset: number) => positionIn(lines, offset);
  const errors = doc!.errors.map((error) => ({ file, ...positionOf(error.pos[0]), message: error.message }));
  if (second) errors.push({ file, ...positionOf(second.range?.[0] ?? 0), message: "a second document begins here; write one document a file" });
  problems.push(...errors);
  if (errors.length > 0) return undefined;
  try {
    return yamlFile(file, text, doc!.toJS(), () => ({ doc: doc!, lines }));
  } catch (error) {
    // Aliases that multiply beyond the parser's limit.
    problems.push({ file, line: 1, column: 1, message: (error as Error).message });
    return undefined;
  }
}

/** A file whose value is known: its text is parsed again if somebody asks where in it something stands. */
export function rememberedYaml(file: string, text: string, value: unknown): YamlFile {
  let parsed: Parsed | undefined;
  return yamlFile(file, text, value, () => {
    if (parsed) return parsed;
    const lines = new LineCounter();
    return (parsed = { doc: parseDocument(text, { lineCounter: lines, prettyErrors: false }), lines });
  });
}

interface Parsed {
  readonly doc: Document;
  readonly lines: LineCounter;
}

function yamlFile(file: string, text: string, value: unknown, parsed: () => Parsed): YamlFile {
  return {
    file,
    text,
    value,
    positionOf: (offset) => positionIn(parsed().lines, offset),
    at: (path, message, remedy) => locate(file, parsed().doc, parsed().lines, path, message, remedy),
    scalar: (path) => {
      const node = parsed().doc.getIn(path, true);
      return isScalar(node) ? node : undefined;
    },
  };
}

function positionIn(lines: LineCounter, offset: number): { line: number; column: number } {
  const at = lines.linePos(offset);
  return { line: at.line, column: at.col };
}

/** Undefined when the file does not fit the schema; every misfit is added to `problems`. */
export function validate<T extends z.ZodType>(yaml: YamlFile, schema: T, problems: FileProblem[]): z.infer<T> | undefined {
  const parsed = schema.safeParse(yaml.value ?? {});
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) problems.push(...describeIssue(yaml, issue));
  return undefined;
}

function describeIssue(yaml: YamlFile, issue: z.core.$ZodIssue): FileProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => yaml.at([...issue.path, key], "unknown key", "check the spelling, or remove it"));
  }
  if (issue.code === "invalid_value") {
    return [yaml.at(issue.path, "not one of the known values", `one of: ${issue.values.map(String).join(", ")}`)];
  }
  if (issue.code === "invalid_type" && issue.input === undefined && /undefined/.test(issue.message)) {
    return [yaml.at(issue.path, "missing", `add it: ${issue.expected}`)];
  }
  const remedy = "params" in issue ? (issue.params as { remedy?: string } | undefined)?.remedy : undefined;
  return [yaml.at(issue.path, issue.message, remedy)];
}

export function unreadable(file: string, error: unknown, remedy?: string): FileProblem {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return { file, line: 1, column: 1, message: `cannot be read: ${code}`, ...(remedy ? { remedy } : {}) };
}
