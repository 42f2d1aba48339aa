import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { locate } from "../../collector/kernel/config.ts";
import { FileError, SignalboxError, type FileProblem } from "../../collector/kernel/errors.ts";
import { findingSchema } from "../findings/finding.ts";

const MAX_BYTES = 8 * 1024 * 1024;

const time = z
  .union([z.string(), z.date()])
  .transform((value) => (typeof value === "string" ? Date.parse(value) : value.getTime()))
  .refine((ms) => Number.isFinite(ms), "not a time such as 2026-01-31T10:00:00Z");

const incidentSchema = z
  .strictObject({
    /** An agent, server, `server/tool`, task, task class or whatever else findings name. */
    entity: z.string().min(1),
    from: time,
    to: time,
    /** The detector that should find it. */
    kind: findingSchema.shape.detector,
  })
  .refine((incident) => !(incident.to <= incident.from), { message: "to is not after from", path: ["to"] });

/** Something that happened, as people know it. Times are Unix milliseconds, half-open. */
export interface Incident {
  readonly entity: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly kind: z.infer<typeof incidentSchema>["kind"];
}

/** Labelled incidents from YAML or JSON: a list of {entity, from, to, kind}. Throws FileError with every fault's line. */
export function readLabels(file: string): Incident[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new SignalboxError("E_LABELS", `could not read ${file}`, { remedy: "--labels takes a YAML or JSON file", cause });
  }
  if (text.length > MAX_BYTES) throw new SignalboxError("E_LABELS", `${file} is longer than ${MAX_BYTES} bytes`);
  return parseLabels(file, text);
}

export function parseLabels(file: string, text: string): Incident[] {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: FileProblem[] = doc.errors.map((error) => {
    const at = lines.linePos(error.pos[0]);
    return { file, line: at.line, column: at.col, message: error.message };
  });
  if (problems.length > 0) throw new FileError(problems);
  const parsed = z.array(incidentSchema).safeParse(doc.toJS());
  if (!parsed.success) throw new FileError(parsed.error.issues.map((issue) => locate(file, doc, lines, issue.path, issue.message)));
  return parsed.data.map(({ entity, from, to, kind }) => ({ entity, fromMs: from, toMs: to, kind }));
}
