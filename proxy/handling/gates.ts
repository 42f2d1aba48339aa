/**
 * What the bytes of an answer may hold, one bit each. A bit that is not set says for certain that there is none; a bit that
 * is set says that the text has to be looked at. Most answers set none, and are passed on without being parsed.
 */
export const gate = {
  /** A key or token of a well-known shape, a private key, a password in a URL or beside its name. */
  secret: 1,
  email: 2,
  /** Digits in the form of a phone number, a card, an IBAN or a social security number. */
  number: 4,
  /** Characters that are not seen, or that turn the direction of what is. */
  hidden: 8,
  /** A link with a text of its own. */
  link: 16,
  /** Plain characters written as escapes: the other bits cannot be relied on. */
  escaped: 32,
  /** A member called mimeType, blob or data: something else than text. */
  item: 64,
  /** Something under our own prefix, which only this proxy may set. */
  ours: 128,
} as const;

const DIGIT = 1;
const TRIGGER = 2;
const HIGH = 3;

const classes = new Uint8Array(256);
for (let byte = 0x30; byte <= 0x39; byte++) classes[byte] = DIGIT;
for (const char of '@+:=_-IJG\\]</') classes[char.charCodeAt(0)] = TRIGGER;
// The only lead bytes under which hidden characters are written in UTF-8.
for (const byte of [0xc2, 0xcd, 0xe1, 0xe2, 0xe3, 0xef, 0xf3]) classes[byte] = HIGH;

const code = (char: string): number => char.charCodeAt(0);
/** Letters as one number, the last in the lowest byte. */
const packed = (text: string): number => [...text].reduce((sum, char) => (sum << 8) | code(char), 0);
const AT = code("@");
const PLUS = code("+");
const COLON = code(":");
const EQUALS = code("=");
const UNDERSCORE = code("_");
const HYPHEN = code("-");
const BACKSLASH = code("\\");
const CLOSE_BRACKET = code("]");
const LESS = code("<");
const SLASH = code("/");
/** Sizes of three groups of digits, six bits each. */
const THREE_THREE_FOUR = (3 << 12) | (3 << 6) | 4;
const THREE_TWO_FOUR = (3 << 12) | (2 << 6) | 4;
const QUOTE = 0x22;
const SPACE = 0x20;
const DATA = packed("data");
const BLOB = packed("blob");
const TYPE = packed("type");
const RASE = packed("rase");
const PWD = packed("pwd");
const KEY = packed("key");
const TION = packed("tion");

/** The last four letters of words that secrets are kept under: password, passwd, secret, token, credential. */
const wordEnds = new Set(["word", "sswd", "cret", "rets", "oken", "kens", "tial", "ials"].map(packed));

/** What stands before the underscore or hyphen of a token: ghp_, github_pat_, sk_live_, npm_, hf_, dop_v1_, whsec_, shpat_, xoxb-, glpat-, sk-, GOCSPX-, pypi-, xapp-. */
const underscoreEnds = new Set(["hp", "ho", "hu", "hs", "hr", "at", "ss", "ve", "st", "pm", "hf", "v1", "ec", "hk"].map(packed));
const hyphenEnds = new Set(["xb", "xp", "xa", "xo", "xs", "xr", "xe", "at", "sk", "PX", "pi", "pp"].map(packed));

/** One pass over the bytes, a table look-up each: about a nanosecond a byte. */
export function gatesOf(bytes: Uint8Array): number {
  const end = bytes.length;
  let found = 0;
  // The groups of digits just passed: 555-0100 is one of 3 and one of 4 digits.
  let chainDigits = 0;
  let chainEnd = -1;
  let lastGroups = 0;
  let first = 0;
  for (let i = 0; i < end; i++) {
    while (i < end && classes[bytes[i]!] === 0) i++;
    if (i === end) break;
    const kind = classes[bytes[i]!]!;
    if (kind === DIGIT) {
      const start = i;
      while (i + 1 < end && classes[bytes[i + 1]!] === DIGIT) i++;
      const length = i - start + 1;
      const gap = start - chainEnd;
      if (chainEnd >= 0 && gap <= 2 && joins(bytes[start - 1]!)) {
        chainDigits += length;
        lastGroups = ((lastGroups << 6) | Math.min(length, 63)) & 0x3ffff;
      } else {
        chainDigits = length;
        lastGroups = Math.min(length, 63);
        first = bytes[start]!;
      }
      chainEnd = i + 1;
      if ((found & gate.number) === 0 && numberShaped(bytes, start, length, chainDigits, lastGroups, first)) found |= gate.number;
      if (start >= 2 && bytes[start] === 0x32 && bytes[start - 1] === 0x61 && bytes[start - 2] === 0x79) found |= gate.secret; // ya29.
      continue;
    }
    const byte = bytes[i]!;
    found |= kind === HIGH ? hiddenAt(bytes, i) : triggerAt(bytes, i, byte);
    // The digits of an escape are no part of the number behind it.
    if (byte === BACKSLASH) i += bytes[i + 1] === 0x75 ? 5 : bytes[i + 1] === BACKSLASH ? 1 : 0;
  }
  return found;
}

/** What may stand between the groups of one number. */
function joins(byte: number): boolean {
  return byte === SPACE || byte === HYPHEN || byte === 0x2e || byte === 0x29;
}

function numberShaped(bytes: Uint8Array, start: number, length: number, digits: number, groups: number, first: number): boolean {
  // Cards begin with 2 to 6; a time in milliseconds, which is as long as a short card number, begins with 1.
  if (digits >= 13 && first >= 0x32 && first <= 0x36) return true;
  if (groups === THREE_THREE_FOUR || groups === THREE_TWO_FOUR) return true;
  if (digits >= 9 && first === 0x30) return true;
  // Two capitals before two digits: the country and checksum of an IBAN.
  return length >= 2 && start >= 4 && isCapital(bytes[start - 1]!) && isCapital(bytes[start - 2]!) && !(isWord(bytes[start - 3]!) && !endsEscape(bytes, start - 3));
}

/** Whether a letter or digit is the end of an escape, \n or \u00e9, and no part of a word. */
function endsEscape(bytes: Uint8Array, at: number): boolean {
  return bytes[at - 1] === BACKSLASH || (bytes[at - 5] === BACKSLASH && bytes[at - 4] === 0x75);
}

const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isWord = (byte: number): boolean => (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
const isHead = (byte: number | undefined, a: number, b: number): boolean => byte === a || byte === b;

function triggerAt(bytes: Uint8Array, i: number, byte: number): number {
  switch (byte) {
    case AT:
      return gate.email;
    case PLUS:
      return isDigit(bytes[i + 1]) || (bytes[i + 1] === 0x28 && isDigit(bytes[i + 2])) ? gate.number : 0;
    case COLON:
    case EQUALS:
      return assigned(bytes, i);
    case SLASH:
      return isOurs(bytes, i - 1) ? gate.ours : 0;
    case UNDERSCORE:
      return i >= 2 && underscoreEnds.has((bytes[i - 2]! << 8) | bytes[i - 1]!) ? gate.secret : 0;
    case HYPHEN:
      if (bytes[i + 1] === HYPHEN && bytes[i + 2] === HYPHEN && bytes[i + 3] === HYPHEN && bytes[i + 5] === 0x42) return gate.secret; // -----B
      return i >= 2 && hyphenEnds.has((bytes[i - 2]! << 8) | bytes[i - 1]!) ? gate.secret : 0;
    case 0x49: // AKIA, ASIA, AIza
      return bytes[i - 1] === 0x41 || (bytes[i + 1] === 0x41 && isHead(bytes[i - 1], 0x4b, 0x53)) ? gate.secret : 0;
    case 0x4a: // eyJ
      return bytes[i - 1] === 0x79 && bytes[i - 2] === 0x65 ? gate.secret : 0;
    case 0x47: // SG.
      return bytes[i - 1] === 0x53 && bytes[i + 1] === 0x2e ? gate.secret : 0;
    case BACKSLASH:
      if (bytes[i + 1] === SLASH) return isOurs(bytes, i - 1) ? gate.ours : 0;
      return bytes[i + 1] === 0x75 ? escapeAt(bytes, i) : 0;
    case CLOSE_BRACKET:
      return bytes[i + 1] === 0x28 ? gate.link : 0;
    case LESS:
      return isHead(bytes[i + 1], 0x61, 0x41) && (bytes[i + 2] === SPACE || bytes[i + 2] === BACKSLASH) ? gate.link : 0;
    default:
      return 0;
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** `password=`, `"token": "`, `secret\": \"` and `://user:`: the name of a secret before a sign that gives it a value. */
function assigned(bytes: Uint8Array, i: number): number {
  let at = i - 1;
  for (let skipped = 0; skipped < 6; skipped++, at--) {
    const before = bytes[at];
    if (before !== QUOTE && before !== SPACE && before !== BACKSLASH && before !== 0x27) break;
  }
  const named = at < 3 ? 0 : nameAt(bytes, at);
  // scheme://user:password@
  const next = bytes[i + 1];
  return (next === SLASH || next === BACKSLASH) && hasUserInfo(bytes, i + 2) ? named | gate.secret : named;
}

/** What a name stands for whose last letter is at `at`. */
function nameAt(bytes: Uint8Array, at: number): number {
  const end = ((bytes[at - 3]! | 0x20) << 24) | ((bytes[at - 2]! | 0x20) << 16) | ((bytes[at - 1]! | 0x20) << 8) | (bytes[at]! | 0x20);
  switch (end & 0xff) {
    case 0x61: // data
      return end === DATA ? gate.item : 0;
    case 0x62: // blob
      return end === BLOB ? gate.item : 0;
    case 0x65: // mimeType, passphrase
      return end === TYPE && (bytes[at - 4]! | 0x20) === 0x65 ? gate.item : end === RASE ? gate.secret : 0;
    case 0x79: {
      // A key alone is the name of anything; only one of something (api_key, accessKey) is looked at.
      const before = bytes[at - 3]!;
      return (end & 0xffffff) === KEY && (isWord(before) || before === UNDERSCORE || before === HYPHEN) ? gate.secret : 0;
    }
    case 0x64: // password, passwd, pwd
    case 0x74: // secret
    case 0x6e: // token, authorization
    case 0x73: // tokens, secrets, credentials
    case 0x6c: // credential
      return wordEnds.has(end) || (end & 0xffffff) === PWD || (end === TION && bytes[at - 4] === 0x61 && bytes[at - 5] === 0x7a) ? gate.secret : 0;
    default:
      return 0;
  }
}

function isOurs(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x78 && bytes[at - 1] === 0x6f && bytes[at - 2] === 0x62 && bytes[at - 3] === 0x6c;
}

function hasUserInfo(bytes: Uint8Array, from: number): boolean {
  let colon = false;
  for (let i = from; i < bytes.length && i < from + 400; i++) {
    const byte = bytes[i]!;
    if (byte === COLON) colon = true;
    else if (byte === AT) return colon;
    else if (byte === SPACE || byte === QUOTE || (byte === 0x2f && i > from + 2)) return false;
  }
  return false;
}

const hex = (byte: number | undefined): number =>
  byte === undefined ? -1 : byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66 ? (byte | 0x20) - 0x57 : -1;

/** What many serializers escape out of caution; the rest is escaped by whoever hides something. With `<` markup begins, so it is looked at too. */
const customary = new Set([0x22, 0x26, 0x27, 0x2f, 0x3e, 0x60, 0x7f]);

function escapeAt(bytes: Uint8Array, i: number): number {
  const point = (hex(bytes[i + 2]) << 12) | (hex(bytes[i + 3]) << 8) | (hex(bytes[i + 4]) << 4) | hex(bytes[i + 5]);
  if (point < 0) return 0;
  if (point === 0x2b) return gate.number;
  if (point >= 0x20 && point < 0x80) return point === 0x3c ? gate.link | gate.escaped : customary.has(point) ? 0 : gate.escaped;
  // Halves of what lies beyond the first plane: tags and the like are among them.
  return isHiddenPoint(point) || point === 0xdb40 || point === 0xdb41 || (point < 0x20 && point !== 9 && point !== 10 && point !== 13) ? gate.hidden : 0;
}

/** The first plane's characters that nobody sees. Joiners and variation selectors are told apart later: people use them. */
export function isHiddenPoint(point: number): boolean {
  if (point < 0xad) return point >= 0x7f && point <= 0x9f;
  if (point === 0xad || point === 0x34f || point === 0x61c || point === 0x180e) return true;
  if (point >= 0x200b && point <= 0x200f) return true;
  if (point >= 0x2028 && point <= 0x202e) return true;
  if (point >= 0x2060 && point <= 0x206f) return true;
  if (point === 0x115f || point === 0x1160 || point === 0x3164 || point === 0xffa0) return true;
  return (point >= 0xfe00 && point <= 0xfe0f) || point === 0xfeff || (point >= 0xfff9 && point <= 0xfffb);
}

function hiddenAt(bytes: Uint8Array, i: number): number {
  const lead = bytes[i]!;
  const second = bytes[i + 1] ?? 0;
  if (lead === 0xf3) return second === 0xa0 ? gate.hidden : 0;
  if (lead < 0xe0) return isHiddenPoint(((lead & 0x1f) << 6) | (second & 0x3f)) ? gate.hidden : 0;
  return isHiddenPoint(((lead & 0x0f) << 12) | ((second & 0x3f) << 6) | ((bytes[i + 2] ?? 0) & 0x3f)) ? gate.hidden : 0;
}
