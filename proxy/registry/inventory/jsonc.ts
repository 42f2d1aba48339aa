import { emptyObject, MAX_NESTING, SyntaxFault, type Parsed } from "./syntax.ts";

/**
 * JSON as editors read their settings: with comments and a comma after the last member. Clients that take plain JSON are read
 * by it too, because the inventory has to find the servers and not to teach the format. Throws SyntaxFault.
 */
export function parseJsonc(text: string): Parsed {
  return new JsonReader(text).read();
}

const space = /(?:[\s\ufeff]+|\/\/[^\n]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*/y;
const string = /"[^"\\\u0000-\u001f]*(?:\\.[^"\\\u0000-\u001f]*)*"/y;
const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)\b/y;

class JsonReader {
  readonly #text: string;
  readonly #offsets = new WeakMap<object, number>();
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Parsed {
    const value = this.#value();
    if (this.#peek() !== undefined) throw new SyntaxFault("there is more after the end of the JSON value", this.#at);
    return { value, offsetOf: (object) => this.#offsets.get(object) ?? 0 };
  }

  #value(): unknown {
    const next = this.#peek();
    if (next === "{") return this.#nested(() => this.#object());
    if (next === "[") return this.#nested(() => this.#array());
    if (next === '"') return this.#string();
    const found = this.#match(word);
    if (found === undefined) throw new SyntaxFault(next === undefined ? "the file ends where a value should stand" : "a value should stand here", this.#at);
    return JSON.parse(found);
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_NESTING) throw new SyntaxFault(`nested deeper than ${MAX_NESTING} levels`, this.#at);
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #object(): object {
    const object = emptyObject();
    this.#offsets.set(object, this.#at++);
    while (this.#peek() !== "}") {
      if (this.#peek() !== '"') throw new SyntaxFault(this.#unfinished("the name of a member, in double quotes, should stand here"), this.#at);
      const name = this.#string();
      this.#expect(":");
      object[name] = this.#value();
      if (this.#peek() !== "}") this.#expect(",");
    }
    this.#at += 1;
    return object;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#at += 1;
    while (this.#peek() !== "]") {
      array.push(this.#value());
      if (this.#peek() !== "]") this.#expect(",");
    }
    this.#at += 1;
    return array;
  }

  #string(): string {
    const start = this.#at;
    const found = this.#match(string);
    if (found === undefined) throw new SyntaxFault("this text has no end on its line, or holds a control character", start);
    try {
      return JSON.parse(found) as string;
    } catch {
      throw new SyntaxFault("this text has an escape that JSON does not know", start);
    }
  }

  #expect(mark: string): void {
    if (this.#peek() !== mark) throw new SyntaxFault(this.#unfinished(`${mark === "," ? "a comma" : "a colon"} should stand here`), this.#at);
    this.#at += 1;
  }

  #unfinished(message: string): string {
    return this.#at >= this.#text.length ? "the file ends before its last bracket is closed" : message;
  }

  /** The next character that is no space or comment. */
  #peek(): string | undefined {
    this.#match(space);
    return this.#text[this.#at];
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
