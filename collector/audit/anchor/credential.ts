import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { SignalboxError } from "../../kernel/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a credential is, and never the credential: `${env:NAME}` or `${file:PATH}`. */
export const CREDENTIAL = /^\$\{(env|file):([^}]+)\}$/;

/**
 * Resolves with the credential each time it is needed. A variable is read now, so that a missing one shows at the start; a
 * file, whose path is relative to `baseDir`, is read each time, so that a new credential needs no restart. Throws, and the
 * function rejects, with E_AUDIT_ANCHOR_CREDENTIAL, which names the place alone.
 */
export function credentialSource(reference: string, baseDir: string, env: Environment): () => Promise<string> {
  const [, kind, name = ""] = CREDENTIAL.exec(reference) ?? [];
  if (kind === "file") {
    const path = resolve(baseDir, name);
    return async () => checked(await readFile(path, "utf8").catch(() => ""), `the file ${name}`);
  }
  const value = checked(env[name] ?? "", `the environment variable ${name}`);
  return () => Promise.resolve(value);
}

function checked(text: string, place: string): string {
  const value = text.trim();
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  const what = value === "" ? "is missing or empty" : "holds more than one word of plain characters";
  throw new SignalboxError("E_AUDIT_ANCHOR_CREDENTIAL", `an anchor's credential: ${place} ${what}`, { remedy: "put the credential there and nothing else" });
}
