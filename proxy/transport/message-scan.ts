/** What an answer says about itself, read off its bytes. `id` is the raw JSON token; empty where there is none. */
export interface MessageFacts {
  readonly kind: "result" | "error" | "request" | "none";
  /** It has a result or an error, whatever else: some client may take it for an answer. */
  readonly answers: boolean;
  readonly id: string;
  /** As it stands in the message, in its quotes; empty where there is none. */
  readonly method: string;
  readonly isError: boolean;
  readonly resultType: string;
  readonly errorCode: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Longer tokens are cut: none of the members that are read is longer. */
const MAX_TOKEN = 512;
/** Up to here a loop finds the end of a string sooner than a call into native code does. */
const SHORT_STRING = 48;

/**
 * Reads the few members of a JSON-RPC message that an outcome follows from, as its bytes go by. Parsing would build the
 * whole result only to look at two members of it: at 100 KB that is the largest cost of a call. Only the first two levels
 * are looked at; deeper text is skipped over. Duplicate members follow JSON.parse: the last one counts.
 */
export class MessageScan {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #capture = false;
  #afterColon = false;
  #token = "";
  #scalar = "";
  #key = "";
  #section = "";

  #id = "";
  #method = "";
  #answer: "result" | "error" | "" = "";
  #isError = false;
  #resultType = "";
  #errorCode = "";

  push(chunk: Buffer): void {
    let i = 0;
    const end = chunk.length;
    while (i < end) {
      if (this.#inString) {
        i = this.#capture ? this.#readString(chunk, i) : this.#skipString(chunk, i);
        continue;
      }
      const byte = chunk[i++]!;
      switch (byte) {
        case QUOTE:
          this.#inString = true;
          this.#capture = this.#watched();
          this.#token = "";
          break;
        case COLON:
          this.#afterColon = true;
          break;
        case COMMA:
          this.#endScalar();
          this.#afterColon = false;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#open(byte === OPEN_BRACE);
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.#endScalar();
          this.#depth--;
          this.#afterColon = false;
          if (this.#depth === 1) this.#section = "";
          break;
        default:
          if (byte > 0x20 && this.#afterColon && this.#watched() && this.#scalar.length < MAX_TOKEN) {
            this.#scalar += String.fromCharCode(byte);
          }
      }
    }
  }

  facts(): MessageFacts {
    const kind = this.#method !== "" ? "request" : this.#answer === "" ? "none" : this.#answer;
    return { kind, answers: this.#answer !== "", id: this.#id, method: this.#method, isError: this.#isError, resultType: this.#resultType, errorCode: this.#errorCode };
  }

  #watched(): boolean {
    return this.#depth === 1 || (this.#depth === 2 && this.#section !== "");
  }

  #open(isObject: boolean): void {
    this.#depth++;
    if (this.#depth === 2) {
      this.#section = isObject && (this.#key === "result" || this.#key === "error") ? this.#key : "";
      if (this.#afterColon) this.#member(1, this.#key, "");
    }
    this.#afterColon = false;
  }

  #endScalar(): void {
    if (this.#scalar === "") return;
    this.#member(this.#depth, this.#key, this.#scalar);
    this.#scalar = "";
  }

  #member(depth: number, key: string, token: string): void {
    if (depth === 1) {
      if (key === "id") this.#id = token;
      else if (key === "method") this.#method = token === "" ? "?" : token;
      else if (key === "result" || key === "error") {
        this.#answer = key;
        this.#isError = false;
        this.#resultType = this.#errorCode = "";
      }
    } else if (this.#section === "result") {
      if (key === "isError") this.#isError = token === "true";
      else if (key === "resultType") this.#resultType = unquote(token);
    } else if (key === "code") this.#errorCode = token;
  }

  /** The end of a string at a level that is read: it is a member's name or its value. */
  #endString(): void {
    if (this.#afterColon) this.#member(this.#depth, this.#key, `"${this.#token}"`);
    else this.#key = this.#token.includes("\\") ? unquote(`"${this.#token}"`) : this.#token;
  }

  #readString(chunk: Buffer, from: number): number {
    let i = from;
    while (i < chunk.length) {
      const byte = chunk[i]!;
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) break;
      i++;
    }
    if (this.#token.length < MAX_TOKEN) this.#token += chunk.toString("latin1", from, Math.min(i, from + MAX_TOKEN));
    if (i === chunk.length) return i;
    this.#inString = false;
    this.#endString();
    return i + 1;
  }

  #skipString(chunk: Buffer, from: number): number {
    let i = from;
    const near = Math.min(chunk.length, from + SHORT_STRING);
    for (; i < near; i++) {
      const byte = chunk[i]!;
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        return i + 1;
      }
    }
    if (i === chunk.length) return i;
    const quote = chunk.indexOf(QUOTE, i);
    const stop = quote < 0 ? chunk.length : quote;
    let slashes = 0;
    while (stop - 1 - slashes >= i && chunk[stop - 1 - slashes] === BACKSLASH) slashes++;
    // A run of backslashes that reaches back to where this stretch began continues what was pending there.
    const escaped = stop - slashes === i && this.#escaped ? slashes % 2 === 0 : slashes % 2 === 1;
    if (quote < 0) {
      this.#escaped = escaped;
      return stop;
    }
    this.#escaped = false;
    if (!escaped) this.#inString = false;
    return quote + 1;
  }
}

function unquote(token: string): string {
  try {
    return String(JSON.parse(token));
  } catch {
    return token;
  }
}
