import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LineCounter, isMap, isNode, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { FileError, SignalboxError, type FileProblem } from "./errors.ts";

/** The sections of `signalbox.yaml`. Each belongs to the folder whose `config.ts` holds its schema and defaults. */
export const sections = ["store", "collector", "audit", "payloads", "proxy", "analytics", "alerts", "dashboards"] as const;
export type Section = (typeof sections)[number];

const topLevelKeys: readonly string[] = ["dataDir", ...sections];

/**
 * `signalbox.yaml` with `SIGNALBOX_*` laid over it, read once. `section` validates one part against its owner's schema
 * and freezes it; relative paths in it are the owner's to resolve against `baseDir`.
 */
export interface ConfigSource {
  /** The file's path, or null when defaults are in force. */
  readonly file: string | null;
  readonly baseDir: string;
  /** Absolute; where everything that Signalbox writes goes. */
  readonly dataDir: string;
  section<T extends z.ZodType>(name: Section, schema: T): z.infer<T>;
}

export function loadConfig(options: {
  file?: string | undefined;
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
}): ConfigSource {
  const { cwd, env } = options;
  const named = options.file ?? env.SIGNALBOX_CONFIG;
  const file = named ? resolve(cwd, named) : resolve(cwd, "signalbox.yaml");
  if (named && !existsSync(file)) {
    throw new SignalboxError("E_CONFIG_MISSING", `no configuration file at ${file}`, { remedy: "check --config or SIGNALBOX_CONFIG" });
  }
  const present = existsSync(file);
  const lines = new LineCounter();
  const doc = parseDocument(present ? readFileSync(file, "utf8") : "", { lineCounter: lines, prettyErrors: false });
  refuseBroken(file, doc, lines);
  const raw = (doc.toJS() ?? {}) as Record<string, unknown>;
  const baseDir = present ? dirname(file) : cwd;
  const dataDir = resolve(baseDir, env.SIGNALBOX_DATA_DIR ?? (typeof raw.dataDir === "string" ? raw.dataDir : ".signalbox"));

  return Object.freeze({
    file: present ? file : null,
    baseDir,
    dataDir,
    section<T extends z.ZodType>(name: Section, schema: T): z.infer<T> {
      const value = { ...((raw[name] as object | null | undefined) ?? {}), ...fromEnvironment(name, env) };
      const parsed = schema.safeParse(value);
      if (!parsed.success) throw new FileError(parsed.error.issues.map((i) => locate(file, doc, lines, [name, ...i.path], i.message)));
      return deepFreeze(parsed.data);
    },
  });
}

function refuseBroken(file: string, doc: Document, lines: LineCounter): void {
  const problems: FileProblem[] = doc.errors.map((e) => {
    const at = lines.linePos(e.pos[0]);
    return { file, line: at.line, column: at.col, message: e.message };
  });
  if (isMap(doc.contents)) {
    for (const item of doc.contents.items) {
      const key = String((item.key as { value?: unknown }).value);
      if (!topLevelKeys.includes(key)) {
        problems.push(locate(file, doc, lines, [key], `unknown section "${key}"`, `known: ${topLevelKeys.join(", ")}`));
      }
    }
  }
  if (problems.length > 0) throw new FileError(problems);
}

/** The place of a value in a YAML document; of its nearest ancestor that exists where the value is missing. */
export function locate(
  file: string,
  doc: Document,
  lines: LineCounter,
  path: readonly PropertyKey[],
  message: string,
  remedy?: string,
): FileProblem {
  const where = path.map(String).join(".");
  for (let n = path.length; n >= 0; n--) {
    const node = n === 0 ? doc.contents : doc.getIn(path.slice(0, n), true);
    if (isNode(node) && node.range) {
      const at = lines.linePos(node.range[0]);
      return { file, line: at.line, column: at.col, message: where ? `${where}: ${message}` : message, ...(remedy ? { remedy } : {}) };
    }
  }
  return { file, line: 1, column: 1, message: where ? `${where}: ${message}` : message, ...(remedy ? { remedy } : {}) };
}

/** SIGNALBOX_PROXY_MAX_BODY_BYTES=1000 is `proxy.maxBodyBytes: 1000`. Numbers and booleans are read as such. */
function fromEnvironment(section: Section, env: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const prefix = `SIGNALBOX_${section.toUpperCase()}_`;
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(prefix) || value === undefined) continue;
    const key = name.slice(prefix.length).toLowerCase().replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
    out[key] = value === "true" ? true : value === "false" ? false : /^-?\d+$/.test(value) ? Number(value) : value;
  }
  return out;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const v of Object.values(value)) deepFreeze(v);
  }
  return value;
}
