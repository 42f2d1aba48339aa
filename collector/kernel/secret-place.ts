import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { SignalboxError } from "./errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a secret is, and never the secret: `${env:NAME}` or `${file:PATH}`. */
export const SECRET_PLACE = /^\$\{(env|file):([^}]+)\}$/;
export const SECRET_PLACE_FORM = "names where the credential is: ${env:NAME} or ${file:PATH}";

export interface SecretSourceOptions {
  /** What relative paths are relative to. */
  readonly baseDir: string;
  readonly env: Environment;
  /** The error's code, and what the secret is of. */
  readonly code: string;
  readonly what: string;
  /** A key in PEM, which has several lines, instead of one word. */
  readonly pem?: boolean;
}

/**
 * Resolves with the secret each time it is needed. A variable is read now, so that a missing one shows at the start; a file
 * is read each time, so that a new secret needs no restart. Throws, and the function rejects, with the code that was given;
 * the message names the place alone.
 */
export function secretSource(place: string, { baseDir, env, code, what, pem = false }: SecretSourceOptions): () => Promise<string> {
  const [, kind, name = ""] = SECRET_PLACE.exec(place) ?? [];
  const checked = (text: string, where: string): string => {
    const value = text.trim();
    if (pem ? /^-----BEGIN [A-Z ]+-----[\x20-\x7e\s]+-----END [A-Z ]+-----$/.test(value) : /^[\x21-\x7e]+$/.test(value)) return value;
    const fault = value === "" ? "is missing or empty" : pem ? "holds no key in PEM" : "holds more than one word of plain characters";
    throw new SignalboxError(code, `${what}: ${where} ${fault}`, { remedy: "put the credential there and nothing else" });
  };
  if (kind === "file") {
    const path = resolve(baseDir, name);
    return async () => checked(await readFile(path, "utf8").catch(() => ""), `the file ${name}`);
  }
  const value = checked(env[name] ?? "", `the environment variable ${name}`);
  return () => Promise.resolve(value);
}
