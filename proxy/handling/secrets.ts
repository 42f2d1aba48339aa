import { MAX_MATCHES, type Match } from "./match.ts";

/**
 * Shapes that a vendor gives to its keys, found by the few characters that they begin with. Each expression is anchored where
 * `begin` stands and every repetition in it is bounded, so that a text costs time in proportion to its length.
 */
interface Shape {
  readonly kind: string;
  readonly begin: readonly string[];
  /** Sticky; what it matches is the secret. */
  readonly rest: RegExp;
}

const shapes: readonly Shape[] = [
  { kind: "private_key", begin: ["-----BEGIN "], rest: /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/y },
  { kind: "aws_access_key", begin: ["AKIA", "ASIA"], rest: /A[KS]IA[A-Z2-7]{16}(?![A-Za-z0-9])/y },
  { kind: "google_api_key", begin: ["AIza"], rest: /AIza[\w-]{35}(?![\w-])/y },
  { kind: "google_oauth_token", begin: ["ya29."], rest: /ya29\.[\w-]{20,512}/y },
  { kind: "google_oauth_secret", begin: ["GOCSPX-"], rest: /GOCSPX-[\w-]{20,64}/y },
  { kind: "github_token", begin: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], rest: /gh[pousr]_[A-Za-z0-9]{36,255}(?![A-Za-z0-9])/y },
  { kind: "github_token", begin: ["github_pat_"], rest: /github_pat_\w{22,255}/y },
  { kind: "gitlab_token", begin: ["glpat-"], rest: /glpat-[\w-]{20,64}/y },
  { kind: "slack_token", begin: ["xoxb-", "xoxp-", "xoxa-", "xoxo-", "xoxs-", "xoxr-", "xoxe-", "xapp-"], rest: /(?:xox[abeoprs]-|xapp-)[A-Za-z0-9-.]{10,255}/y },
  { kind: "stripe_key", begin: ["sk_live_", "sk_test_", "rk_live_", "rk_test_"], rest: /[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}/y },
  { kind: "webhook_secret", begin: ["whsec_"], rest: /whsec_[A-Za-z0-9+/=]{24,128}/y },
  { kind: "model_api_key", begin: ["sk-"], rest: /sk-(?:ant-|proj-|svcacct-|admin\d{0,2}-)[\w-]{20,255}|sk-[A-Za-z0-9]{32,64}(?![\w-])/y },
  { kind: "npm_token", begin: ["npm_"], rest: /npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/y },
  { kind: "pypi_token", begin: ["pypi-"], rest: /pypi-[\w-]{50,255}/y },
  { kind: "sendgrid_key", begin: ["SG."], rest: /SG\.[\w-]{22}\.[\w-]{43}/y },
  { kind: "huggingface_token", begin: ["hf_"], rest: /hf_[A-Za-z0-9]{30,64}(?![A-Za-z0-9])/y },
  { kind: "digitalocean_token", begin: ["dop_v1_", "doo_v1_", "dor_v1_"], rest: /do[por]_v1_[a-f0-9]{64}/y },
  { kind: "shopify_token", begin: ["shpat_", "shpss_", "shpca_", "shppa_"], rest: /shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}/y },
  { kind: "jwt", begin: ["eyJ"], rest: /eyJ[\w-]{8,4096}\.eyJ[\w-]{8,8192}\.[\w-]{16,2048}/y },
];

const WORD = /[A-Za-z0-9_]/;
/** A private key runs to its end mark, and where that is missing as far as it looks like one. */
const KEY_BODY = 16 * 1024;
const KEY_CHARS = /[A-Za-z0-9+/=\s\\:,.()-]{0,16384}/y;

/** Every secret in a text. Time is in proportion to the length of the text, and at most MAX_MATCHES are reported. */
export function findSecrets(text: string): Match[] {
  const found: Match[] = [];
  for (const shape of shapes) {
    for (const begin of shape.begin) {
      for (let at = text.indexOf(begin); at >= 0 && found.length < MAX_MATCHES; ) {
        const end = shapeEnd(shape, text, at);
        if (end > 0) found.push({ start: at, end, kind: shape.kind });
        at = text.indexOf(begin, Math.max(end, at + begin.length));
      }
    }
  }
  findUrlPasswords(text, found);
  findAssignments(text, found);
  return found;
}

function shapeEnd(shape: Shape, text: string, at: number): number {
  if (at > 0 && shape.kind !== "private_key" && WORD.test(text[at - 1]!)) return 0;
  shape.rest.lastIndex = at;
  if (!shape.rest.test(text)) return 0;
  const end = shape.rest.lastIndex;
  return shape.kind === "private_key" ? keyEnd(text, end) : end;
}

function keyEnd(text: string, from: number): number {
  const mark = text.slice(from, from + KEY_BODY).indexOf("-----END ");
  if (mark < 0) {
    KEY_CHARS.lastIndex = from;
    KEY_CHARS.test(text);
    return Math.max(from, KEY_CHARS.lastIndex);
  }
  const close = text.indexOf("-----", from + mark + 9);
  return close < 0 || close > from + mark + 80 ? from + mark + 9 : close + 5;
}

const AUTHORITY = /:\/\/[^\s:/?#@"'`<>\\]{0,128}:([^\s@/"'`<>\\]{1,256})@/y;

/** postgres://user:password@host: the password alone is the secret. */
function findUrlPasswords(text: string, found: Match[]): void {
  for (let at = text.indexOf("://"); at >= 0 && found.length < MAX_MATCHES; at = text.indexOf("://", at + 3)) {
    AUTHORITY.lastIndex = at;
    const match = AUTHORITY.exec(text);
    if (match === null || isPlaceholder(match[1]!)) continue;
    const end = AUTHORITY.lastIndex - 1;
    found.push({ start: end - match[1]!.length, end, kind: "connection_string" });
  }
}

const NAME = "(?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|(?:access|private|secret|account|auth|signing|encryption|master|shared|storage)[_-]?key|credentials?)";
const ASSIGNMENT = new RegExp(String.raw`${NAME}s?\\?["']?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}\\?(?:"([^"\r\n]{6,256}?)\\?"|'([^'\r\n]{6,256}?)'|([^\s"'${"`"},;&<>(){}[\]|]{6,256}))`, "gi");
const BEARER = /authorization\\?["']?[ \t]{0,4}[:=][ \t]{0,4}\\?["']?(?:bearer|basic|token)[ \t]{1,4}([\w.~+/=-]{12,2048})/gi;

/** password=..., "api_key": "...": only where the value looks made to be secret. */
function findAssignments(text: string, found: Match[]): void {
  for (const pattern of [ASSIGNMENT, BEARER]) {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null && found.length < MAX_MATCHES; match = pattern.exec(text)) {
      const value = match[1] ?? match[2] ?? match[3] ?? "";
      if (pattern === ASSIGNMENT ? !looksSecret(value, match[0]) : isPlaceholder(value)) continue;
      const start = match.index + match[0].lastIndexOf(value);
      found.push({ start, end: start + value.length, kind: pattern === ASSIGNMENT ? "assigned_secret" : "authorization_header" });
    }
  }
}

const secretName = new RegExp(String.raw`(?:^|[_.\-]|(?<=[a-z])(?=[A-Z]))${NAME}s?$`, "i");

/** Whether a member of this name holds a secret if this is its value: the name and the value of a structured result. */
export function isSecretMember(name: string, value: string): boolean {
  return name.length <= 128 && value.length >= 6 && value.length <= 4096 && secretName.test(name) && looksSecret(value, name);
}

/** At the beginning of a name, or of a name with its value. */
const PASSWORD = /^[\w.-]{0,64}(?:pass|pwd)/i;
const PLACEHOLDER = /^(?:[*x•.…_-]+|<.*>|\$\{?.*|\{\{.*|%.*%|(?:your|my|the|some|example|changeme|change[_-]me|placeholder|redacted|hidden|none|null|undefined|true|false|required|optional|string|number|process\.env|os\.environ|env[:.(]).*|⟦.*)$/i;

const isPlaceholder = (value: string): boolean => PLACEHOLDER.test(value) || /^(?:password|passwd|secret|token|pass|user(?:name)?)$/i.test(value);

/**
 * People write about passwords more than they write passwords down. A value counts when it has no spaces and is mixed: letters
 * with digits or signs for a password, and for a token also about as many different characters as chance would give it.
 */
function looksSecret(value: string, context: string): boolean {
  if (/\s/.test(value) || isPlaceholder(value)) return false;
  const kinds = Number(/[a-z]/.test(value)) + Number(/[A-Z]/.test(value)) + Number(/\d/.test(value)) + Number(/[^A-Za-z\d]/.test(value));
  if (PASSWORD.test(context)) return kinds >= 2 && /[\dA-Z!@#$%^&*]/.test(value) && !/^[a-z_.]+\(/i.test(value);
  return value.length >= 12 && kinds >= 2 && /\d/.test(value) && entropyBits(value) >= 3;
}

/** Shannon entropy a character, of the characters themselves. */
function entropyBits(value: string): number {
  const counts = new Map<string, number>();
  for (const char of value) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}
