/** What a character is, as bits; a token is known by those that are in it. */
export const bits = { delimiter: 1, at: 2, slash: 4, backslash: 8, colon: 16, equals: 32, wide: 64, digit: 128, dot: 256, letter: 512, other: 1024 } as const;

const kinds = new Uint16Array(128).fill(bits.other);
for (let code = 0; code < 33; code++) kinds[code] = bits.delimiter;
for (const [chars, kind] of [
  ["\"'`<>()[]{}|,;", bits.delimiter],
  ["@", bits.at],
  ["/", bits.slash],
  ["\\", bits.backslash],
  [":", bits.colon],
  ["=", bits.equals],
  [".", bits.dot],
  ["0123456789", bits.digit],
  ["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", bits.letter],
] as const) {
  for (const char of chars) kinds[char.charCodeAt(0)] = kind;
}

/** Above ASCII: spaces, quotes, and everything from the CJK punctuation on end a token; letters like é do not. */
export function kindOf(code: number): number {
  if (code < 128) return kinds[code]!;
  if (code < 0x2000) return code === 0xa0 || code === 0xab || code === 0xbb ? bits.delimiter : bits.wide;
  if (code <= 0x200a || (code >= 0x2018 && code <= 0x201f)) return bits.delimiter;
  return code === 0x2028 || code === 0x2029 || code === 0x202f || (code >= 0x2e80 && code < 0xd800) ? bits.delimiter : bits.wide;
}

export const isDelimiter = (code: number): boolean => (kindOf(code) & bits.delimiter) !== 0;

const MAX_VALUE = 256;
const MAX_URL = 512;
const MAX_DIGITS = 40;

type Found = (value: string, at: number) => void;

const URL_START = /[a-z][a-z\d+.-]{1,15}:\/\//i;
/** Most text is ASCII, where the plain classes are several times faster. */
const EMAIL_ASCII = /[A-Za-z\d._%+-]{1,64}@[A-Za-z\d-]{1,63}(?:\.[A-Za-z\d-]{1,63}){1,8}/g;
const EMAIL = /[\p{L}\d._%+-]{1,64}@[\p{L}\d-]{1,63}(?:\.[\p{L}\d-]{1,63}){1,8}/gu;
const DRIVE = /^[A-Za-z]:[\\/]/;
/** Zero-width and soft characters, which an agent leaves out when it copies a value. */
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060\ufeff]/g;
const ESCAPE = /\\[nrt"'\\]|\\+$/g;
/** How it is written in groups, from the token's start on. */
const GROUPED_IBAN = /[A-Z]{2}\d{2}(?: [A-Z\d]{4}){2,7}(?: [A-Z\d]{1,3})?(?![A-Za-z\d])/y;
const GROUPED_NUMBER = /\+?\(?\d{1,4}\)?(?:[ -]\(?\d{2,4}\)?){2,5}(?![\d.])/y;
const DATE = /^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T ].*)?$/;
const TIME = /^\d{1,2}:\d{2}/;
const NUMBER = /^[+-]?\d[\d().-]*$/;
const DOTTED = /^[\p{L}\d_-]{1,63}(?:\.[\p{L}\d_-]{1,63})*\.(?:[\p{L}]{2,24}|xn--[a-z\d-]+|\d\p{L}{1,3}|\p{L}+\d)(?::\d{1,5})?$/iu;
const IPV4 = /^(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?$/;
const ID = /^(?=[^\p{L}]*\p{L})(?=\D*\d)[\p{L}\d_.#:-]{4,}$/u;
const EDGES = /^[.,:;!?*_#~=+&$%^-]+|[.,:;!?*_~=+&$%^-]+$/g;

/**
 * Reports what the characters from `start` to `end` name, if anything; `all` are the kinds of characters among them. Gives
 * where reading goes on: behind the token, or further where a number in groups goes on behind it.
 */
export function readToken(text: string, start: number, end: number, all: number, found: Found): number {
  if (all & bits.digit && continues(text.charCodeAt(end), text.charCodeAt(end + 1))) {
    const grouped = readGroups(text, start, found);
    if (grouped > end) return grouped;
  }
  let token = text.slice(start, end);
  if (all & bits.wide) token = token.replace(INVISIBLE, "").normalize("NFKC");
  if (!(all & bits.backslash) || DRIVE.test(token)) readPlain(token, start, all, found);
  else for (const part of token.replaceAll("\\/", "/").split(ESCAPE)) if (part.length > 2) readPlain(part, start, all, found);
  return end;
}

/** Whether a number or an account in groups may go on behind a token, by the two characters there. */
export function continues(code: number, next: number): boolean {
  if (code !== 32 && code !== 41) return false;
  return (next >= 48 && next <= 57) || (next >= 65 && next <= 90) || next === 40 || next === 32;
}

/** Accounts, cards and phone numbers are written in groups for people, and without them in an argument. */
function readGroups(text: string, start: number, found: Found): number {
  const first = text.charCodeAt(start);
  const pattern = first >= 65 && first <= 90 ? GROUPED_IBAN : GROUPED_NUMBER;
  pattern.lastIndex = start;
  const match = pattern.exec(text);
  if (match === null) return start;
  const value = match[0].replace(/[^A-Z\d]/g, "");
  if (value.length < 9 || value.length > MAX_DIGITS) return start;
  found(value, start);
  return pattern.lastIndex;
}

function readPlain(token: string, at: number, all: number, found: Found): void {
  if ((all & ~(bits.digit | bits.letter)) === 0) {
    const long = token.length >= (all & bits.letter ? 4 : 6) && token.length <= (all & bits.letter ? MAX_VALUE : MAX_DIGITS);
    return long && all & bits.digit ? found(token, at) : undefined;
  }
  const addresses = all & bits.at ? readAddresses(token, at, all, found) : false;
  if (all & bits.colon && all & bits.slash) {
    const url = URL_START.exec(token);
    if (url !== null) return readUrl(token.slice(url.index), at + url.index, found);
  }
  if (addresses && !(all & bits.equals)) return;
  if (DRIVE.test(token)) return found(token.slice(0, MAX_VALUE).replace(/[.,:;!?]+$/, ""), at);
  if (!(all & bits.equals)) return readBare(token, at, found);
  for (const part of token.split(/[=&]/)) if (!part.includes("@")) readBare(part, at, found);
}

function readAddresses(token: string, at: number, all: number, found: Found): boolean {
  const pattern = all & bits.wide ? EMAIL : EMAIL_ASCII;
  pattern.lastIndex = 0;
  let any = false;
  for (let match = pattern.exec(token); match !== null; match = pattern.exec(token)) {
    any = true;
    found(match[0].toLowerCase(), at + match.index);
  }
  return any;
}

function readUrl(token: string, at: number, found: Found): void {
  const url = token.slice(0, MAX_URL).replace(/[.,:;!?*_~]+$/, "");
  const slashes = url.indexOf("://") + 3;
  const rest = url.slice(slashes);
  const authorityEnd = rest.search(/[/?#\\]/);
  const authority = authorityEnd < 0 ? rest : rest.slice(0, authorityEnd);
  const path = authorityEnd < 0 ? "" : rest.slice(authorityEnd);
  const lower = authority.toLowerCase();
  if (path.length > 1) found(url.slice(0, slashes).toLowerCase() + lower + path.replace(/\/$/, ""), at);
  const host = lower.slice(lower.lastIndexOf("@") + 1).replace(/:\d+$/, "");
  if (host.length > 2) found(host, at + slashes);
}

function readBare(raw: string, at: number, found: Found): void {
  const token = raw.replace(EDGES, "");
  if (token.length < 4 || token.length > MAX_VALUE || DATE.test(token) || TIME.test(token)) return;
  if (IPV4.test(token)) return found(token.replace(/:\d+$/, ""), at);
  if (NUMBER.test(token)) return readNumber(token, at, found);
  if (token.includes("/") || token.includes("\\")) return readPath(raw, token, at, found);
  if (token.includes(".") && DOTTED.test(token)) return found(token.replace(/:\d+$/, "").toLowerCase(), at);
  readId(token, at, found);
}

/** One dot is an amount's; with fewer than six digits it is a count or a year. */
function readNumber(token: string, at: number, found: Found): void {
  const digits = token.replace(/\D/g, "");
  if (digits.length >= 6 && digits.length <= MAX_DIGITS && !/^[+-]?\d+\.\d*$/.test(token)) found(digits, at);
}

function readId(token: string, at: number, found: Found): void {
  if (token.length >= 4 && token.length <= MAX_VALUE && ID.test(token)) found(token, at);
}

/** One slash between two words is an "or" more often than a path; `a/b.txt` and `owner/name1` are. */
function readPath(raw: string, token: string, at: number, found: Found): void {
  const path = (/^(?:\.{1,2}|~)?[\\/]/.test(raw) ? raw.replace(/[.,:;!?*]+$/, "") : token).replace(/(?<=.)[\\/]$/, "");
  const parts = path.split(/[\\/]/);
  if (path.length < 4) return;
  if (/^[.~\\/]/.test(path) || parts.length > 2 || /[.\d_-]/.test(path)) found(path, at);
  const head = parts[0]!.toLowerCase();
  if (/\.\p{L}{2,24}$/u.test(head) && parts.length > 1 && DOTTED.test(head)) found(head, at);
}
