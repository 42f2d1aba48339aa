import { SyntaxFault } from "./syntax.ts";

const escapes: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\u001b", '"': '"', "\\": "\\" };
const code = /x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}/y;
/** A backslash at the end of a line lets the text go on at the next word. */
const lineJoin = /[ \t]*\r?\n\s*/y;

/** A TOML text and how far it was read. */
export class TomlText {
  readonly #text: string;
  offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get ended(): boolean {
    return this.offset >= this.#text.length;
  }

  at(mark: string): boolean {
    return this.#text.startsWith(mark, this.offset);
  }

  eat(mark: string): boolean {
    if (!this.at(mark)) return false;
    this.offset += mark.length;
    return true;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.offset += found.length;
    return found;
  }

  skip(pattern: RegExp): void {
    this.take(pattern);
  }

  fault(message: string): SyntaxFault {
    return new SyntaxFault(message, this.offset);
  }

  /** Text in either kind of quotes; over several lines, in three of them, only where that is allowed. */
  quoted(severalLines: boolean): string {
    const mark = this.#text[this.offset]!;
    const long = mark.repeat(3);
    return severalLines && this.eat(long) ? this.#long(long) : this.#short(mark);
  }

  #short(mark: string): string {
    const start = this.offset++;
    let out = "";
    for (;;) {
      const char = this.#text[this.offset];
      if (char === undefined || char === "\n") throw new SyntaxFault("this text has no end on its line", start);
      this.offset += 1;
      if (char === mark) return out;
      out += char === "\\" && mark === '"' ? this.#escape() : char;
    }
  }

  #long(mark: string): string {
    const start = this.offset - 3;
    let out = "";
    if (!this.eat("\n")) this.eat("\r\n");
    for (;;) {
      // Up to two quotes may stand right before the three that end the text.
      if (this.at(mark) && !this.at(mark + mark[0])) {
        this.offset += 3;
        return out;
      }
      const char = this.#text[this.offset];
      if (char === undefined) throw new SyntaxFault("this text has no end", start);
      this.offset += 1;
      if (char !== "\\" || mark[0] !== '"') out += char;
      else if (this.take(lineJoin) === undefined) out += this.#escape();
    }
  }

  #escape(): string {
    const found = this.take(code);
    if (found !== undefined) {
      const point = Number.parseInt(found.slice(1), 16);
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw this.fault("this escape is no character");
      return String.fromCodePoint(point);
    }
    const char = this.#text[this.offset] ?? "";
    const escaped = Object.hasOwn(escapes, char) ? escapes[char] : undefined;
    if (escaped === undefined) throw this.fault("TOML does not know this escape");
    this.offset += 1;
    return escaped;
  }
}
