import { hasVariable, looksSecret, REDACTED } from "./secret-shapes.ts";

/** Where a server is, with nothing in it that may be a secret. */
export type Target =
  /** Origin and path; segments that look like a key are REDACTED. */
  | { readonly kind: "url"; readonly url: string }
  /** `version` as it was asked for; absent, whatever was published last. */
  | { readonly kind: "package"; readonly registry: "npm" | "pypi" | "docker" | "git"; readonly name: string; readonly version?: string }
  /** Any other program: the last part of its path, and that of its script. */
  | { readonly kind: "program"; readonly program: string }
  | { readonly kind: "unknown"; readonly why: string };

export function urlTarget(written: string): Target {
  // Claude Code's `${NAME:-default}`: where the variable is not set, the client goes to the default.
  const url = written.replaceAll(/\$\{[A-Za-z_]\w*:-([^}]*)\}/g, "$1");
  const safe = safeUrl(url);
  return safe === undefined ? { kind: "unknown", why: hasVariable(url) ? "its URL is put together from variables" : "its URL is not valid" } : { kind: "url", url: safe };
}

/** Origin and path without user, query and fragment; undefined for what is no http(s) or ws(s) URL, or has a variable before its path. */
export function safeUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!/^(?:https?|wss?):$/.test(url.protocol) || /[{}$%]/.test(url.host)) return undefined;
  const path = url.pathname
    .split("/")
    .map((segment) => (looksSecret(segment) || /%7B|\{|\$/i.test(segment) ? REDACTED : segment))
    .join("/");
  return `${url.protocol}//${url.host}${path.replace(/\/+$/, "")}`;
}

/** One short word for people: a URL, a package with its registry, a program. */
export function showTarget(target: Target): string {
  switch (target.kind) {
    case "url":
      return target.url;
    case "package":
      return `${target.registry}:${target.name}${target.version === undefined ? "" : `@${target.version}`}`;
    case "program":
      return `program ${target.program}`;
    case "unknown":
      return `unknown (${target.why})`;
  }
}

/** A version that names one release. */
export function isExact(version: string | undefined): version is string {
  return version !== undefined && /^v?\d[\w.+-]*$/.test(version) && !/[xX*]$/.test(version);
}

export const packageOf = (target: Target): string | undefined => (target.kind === "package" ? target.name : undefined);
