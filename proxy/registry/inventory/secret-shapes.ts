/** What stands in the place of a part of a URL that may be a secret. A valid path segment, and the same wherever it is found. */
export const REDACTED = "REDACTED";

/** What issuers begin their keys with, and words that do so when a number follows. */
const issued = /^(?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-|npm_|AKIA|ASIA|AIza|ya29\.|eyJ)[\w.-]{8,}/;
const named = /^(?:sk|pk|rk|pat|key|tok|token|secret)[-_](?=.*\d)[\w-]{8,}/;
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const LONG = 16;
const VERY_LONG = 28;

/**
 * Whether a word looks like a key, a token or an id that opens something. It errs toward yes: what is hidden wrongly can be
 * looked up in the client's own file, what is shown wrongly is out.
 */
export function looksSecret(word: string): boolean {
  if (issued.test(word) || named.test(word) || uuid.test(word)) return true;
  return word.split(/[-_.~:@+=]/).some((part) => part.length >= VERY_LONG || (part.length >= LONG && /\d/.test(part) && /[A-Za-z]/.test(part)));
}

const secretName = /auth|cookie|credential|key|pass|pat\b|secret|session|signature|token|pwd|bearer/i;

/** Whether an option or a variable of this name would hold a secret. */
export function namesSecret(name: string): boolean {
  return secretName.test(name);
}

const variable = /^(?:\$\{(?:env:)?([A-Za-z_]\w*)(?::-[^}]*)?\}|\$([A-Za-z_]\w*)|%([A-Za-z_]\w*)%|\{env:([A-Za-z_]\w*)\})$/;

/** The name of the environment variable that a whole value refers to, in any client's spelling; undefined where it is none. */
export function variableOf(value: string): string | undefined {
  const found = variable.exec(value);
  return found ? (found[1] ?? found[2] ?? found[3] ?? found[4]) : undefined;
}

export const hasVariable = (value: string): boolean => /\$\{|\$[A-Za-z_]|%[A-Za-z_]\w*%|\{\{|\{env:/.test(value);
