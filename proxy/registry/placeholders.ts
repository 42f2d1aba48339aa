import { SignalboxError } from "../../collector/kernel/errors.ts";

/**
 * What may stand in a value of a registry file besides plain text: `${env:NAME}`, a variable of the proxy's environment
 * by name, and `${dataDir}`. Secrets are so named in the registry and never stored in it.
 */
const placeholder = /\$\{([^}]*)\}?/g;
const known = /^(?:dataDir|env:[A-Za-z_][A-Za-z0-9_]*)$/;

/** The first placeholder that is not one of the known forms, as written. */
export function unknownPlaceholder(value: string): string | undefined {
  for (const match of value.matchAll(placeholder)) {
    if (!known.test(match[1]!) || !match[0].endsWith("}")) return match[0];
  }
  return undefined;
}

export function namesEnvironment(value: string): boolean {
  return /\$\{env:[A-Za-z_]/.test(value);
}

/** Puts the values in, at the moment a connection is made. Throws E_ENV_MISSING for a variable that is not set. */
export function expandPlaceholders(
  value: string,
  context: { dataDir: string; env: Readonly<Record<string, string | undefined>> },
): string {
  return value.replace(placeholder, (text, inside: string) => {
    if (inside === "dataDir") return context.dataDir;
    if (!known.test(inside)) return text;
    const name = inside.slice("env:".length);
    const found = context.env[name];
    if (found === undefined) {
      throw new SignalboxError("E_ENV_MISSING", `the environment variable ${name} is not set`, {
        remedy: "set it for the proxy, or remove it from the registry entry",
      });
    }
    return found;
  });
}
