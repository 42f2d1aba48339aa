import { emptyObject, isObject, MAX_NESTING, SyntaxFault, type Parsed, type Plain } from "./syntax.ts";
import { TomlText } from "./toml-text.ts";

/**
 * TOML as far as configuration files use it: tables, arrays of tables, dotted and quoted keys, all four kinds of text, arrays
 * and inline tables. Numbers and dates are checked for their form and kept as text, because no MCP server is described by
 * one. Strict: a key that stands twice, or a line that is none of these, is a SyntaxFault.
 */
export function parseToml(text: string): Parsed {
  return new TomlReader(text).read();
}

const bareKey = /[A-Za-z0-9_-]+/y;
const blank = /[ \t]*/y;
const gap = /(?:[\s\ufeff]+|#[^\n]*)*/y;
const lineEnd = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;
const number = /[+-]?(?:inf|nan|0x[\da-fA-F_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d[\d_]*)?)(?![\w.:-])/y;
const date = /(?:\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?)?|\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?![\w.:-])/y;
const truth = /(?:true|false)\b/y;

class TomlReader {
  readonly #text: TomlText;
  readonly #offsets = new WeakMap<object, number>();
  /** Tables that had a header of their own, and those that were written inline and can't be added to. */
  readonly #headed = new WeakSet<object>();
  readonly #closed = new WeakSet<object>();
  #depth = 0;

  constructor(text: string) {
    this.#text = new TomlText(text);
  }

  read(): Parsed {
    const text = this.#text;
    const root = emptyObject();
    let table = root;
    for (text.skip(gap); !text.ended; text.skip(gap)) {
      if (text.at("[")) table = this.#header(root);
      else this.#pair(table);
      if (text.take(lineEnd) === undefined) throw text.fault("nothing but a comment may follow on this line");
    }
    return { value: root, offsetOf: (object) => this.#offsets.get(object) ?? 0 };
  }

  #header(root: Plain): Plain {
    const text = this.#text;
    const start = text.offset;
    const several = text.eat("[[");
    if (!several) text.eat("[");
    const path = this.#path();
    if (!text.eat(several ? "]]" : "]")) throw text.fault("the table's name should end here with a bracket");
    const name = path.pop()!;
    const parent = this.#descend(root, path, start);
    const table = several ? this.#nextOf(parent, name, start) : this.#tableIn(parent, name, start);
    if (this.#headed.has(table)) throw new SyntaxFault("this table stands in the file already", start);
    this.#headed.add(table);
    return table;
  }

  #nextOf(parent: Plain, name: string, start: number): Plain {
    const list = (parent[name] ??= []);
    if (!Array.isArray(list) || this.#closed.has(list)) throw new SyntaxFault("this name has another meaning already", start);
    const table = this.#newTable(start);
    list.push(table);
    return table;
  }

  #pair(table: Plain): void {
    const text = this.#text;
    const start = text.offset;
    const path = this.#path();
    const name = path.pop()!;
    if (!text.eat("=")) throw text.fault("an equals sign should stand here");
    text.skip(blank);
    const parent = this.#descend(table, path, start);
    if (name in parent) throw new SyntaxFault("this key stands in the table already", start);
    parent[name] = this.#value();
  }

  #path(): string[] {
    const text = this.#text;
    const path: string[] = [];
    do {
      text.skip(blank);
      const part = text.at('"') || text.at("'") ? text.quoted(false) : text.take(bareKey);
      if (part === undefined) throw text.fault("a key should stand here");
      path.push(part);
      if (path.length > MAX_NESTING) throw text.fault("this key has too many parts");
      text.skip(blank);
    } while (text.eat("."));
    return path;
  }

  #descend(table: Plain, path: readonly string[], start: number): Plain {
    return path.reduce((parent, name) => this.#tableIn(parent, name, start), table);
  }

  /** The table of this name, or the last one of an array of tables; made where there is none. */
  #tableIn(parent: Plain, name: string, start: number): Plain {
    const found = (parent[name] ??= this.#newTable(start));
    const table: unknown = Array.isArray(found) && !this.#closed.has(found) ? found.at(-1) : found;
    if (!isObject(table) || this.#closed.has(table)) throw new SyntaxFault("this name has another meaning already", start);
    return table as Plain;
  }

  #newTable(start: number): Plain {
    const table = emptyObject();
    this.#offsets.set(table, start);
    return table;
  }

  #value(): unknown {
    const text = this.#text;
    if (text.at('"') || text.at("'")) return text.quoted(true);
    if (text.at("[")) return this.#nested(() => this.#array());
    if (text.at("{")) return this.#nested(() => this.#inline());
    const flag = text.take(truth);
    if (flag !== undefined) return flag === "true";
    const found = text.take(date) ?? text.take(number);
    if (found === undefined) throw text.fault("a value should stand here; text needs quotes");
    return found;
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_NESTING) throw this.#text.fault(`nested deeper than ${MAX_NESTING} levels`);
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#closed.add(array);
    this.#list("[", "]", () => array.push(this.#value()));
    return array;
  }

  #inline(): Plain {
    const table = this.#newTable(this.#text.offset);
    this.#list("{", "}", () => this.#pair(table));
    this.#closed.add(table);
    return table;
  }

  #list(open: string, close: string, item: () => void): void {
    const text = this.#text;
    text.eat(open);
    for (text.skip(gap); !text.eat(close); text.skip(gap)) {
      item();
      text.skip(gap);
      if (!text.at(close) && !text.eat(",")) throw text.fault(text.ended ? "the file ends before its last bracket is closed" : "a comma should stand here");
    }
  }
}
