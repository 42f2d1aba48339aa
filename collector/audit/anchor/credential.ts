import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { SignalboxError } from "../../kernel/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a credential is, and never the credential: `${env:NAME}` or `${file:PATH}`. */
export const CREDENTIAL = /^\$\{(env|file):([^}]+)\}$/;

/**
 * Resolves with the credential each time it is needed. A variable is read now, so that a missing one shows at the start; a
 * file, whose path is relative to `baseDir`, is read each time, so that a new credential needs no restart. Throws, and the
 * function rejects, with an error that names the place alone; `named` says which error, and of what.
 */
export function credentialSource(reference: string, baseDir: string, env: Environment, named: Named = anchorsCredential): () => Promise<string> {
  const [, kind, name = ""] = CREDENTIAL.exec(reference) ?? [];
  if (kind === "file") {
    const path = resolve(baseDir, name);
    return async () => checked(await readFile(path, "utf8").catch(() => ""), `the file ${name}`, named);
  }
  const value = checked(env[name] ?? "", `the environment variable ${name}`, named);
  return () => Promise.resolve(value);
}

interface Named {
  readonly code: string;
  readonly what: string;
}

const anchorsCredential: Named = { code: "E_AUDIT_ANCHOR_CREDENTIAL", what: "an anchor's credential" };

function checked(text: string, place: string, { code, what: whose }: Named): string {
  const value = text.trim();
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  const what = value === "" ? "is missing or empty" : "holds more than one word of plain characters";
  throw new SignalboxError(code, `${whose}: ${place} ${what}`, { remedy: "put the credential there and nothing else" });
}
