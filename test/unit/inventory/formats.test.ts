import { describe, expect, it } from "vitest";
import { parseJsonc } from "../../../proxy/registry/inventory/jsonc.ts";
import { placeOf, SyntaxFault } from "../../../proxy/registry/inventory/syntax.ts";
import { parseToml } from "../../../proxy/registry/inventory/toml.ts";

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
function faultOf(parse: (text: string) => unknown, text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    const { line, column } = placeOf(text, error.offset);
    return `${line}:${column} ${error.message}`;
  }
  return "none";
}

describe("JSON with comments", () => {
  it("is JSON, with comments and commas after the last member", () => {
    const text = `\ufeff// head\n{ /* a */ "a": [1, -2.5e3, true, false, null, "x\\n\\u00e9\\\\",], // b\n\t"b": { "c": {}, "url": "http://x//y" }, /* **/ }\n`;
    expect(plain(parseJsonc(text).value)).toEqual({ a: [1, -2500, true, false, null, "x\né\\"], b: { c: {}, url: "http://x//y" } });
  });

  it("says where each object begins", () => {
    const text = '{\n  "a": {\n    "b": 1\n  }\n}';
    const { value, offsetOf } = parseJsonc(text);
    expect(placeOf(text, offsetOf((value as { a: object }).a))).toEqual({ line: 2, column: 8 });
  });

  it("takes a member called __proto__ for a member", () => {
    const { value } = parseJsonc('{ "__proto__": { "polluted": true } }');
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  const faults: [string, string, string][] = [
    ["a comma that is missing", '{\n "a": 1\n "b": 2 }', "3:2 a comma should stand here"],
    ["a colon that is missing", '{ "a" 1 }', "1:7 a colon should stand here"],
    ["a name without quotes", "{ a: 1 }", "1:3 the name of a member, in double quotes, should stand here"],
    ["a value that is none", '{ "a": secret }', "1:8 a value should stand here"],
    ["a number that is none", "[01]", "1:2 a value should stand here"],
    ["an end that is missing", '{ "a": {', "1:9 the file ends before its last bracket is closed"],
    ["a value that is missing", '{ "a":', "1:7 the file ends where a value should stand"],
    ["text without an end", '{ "a": "s3cret\n" }', "1:8 this text has no end on its line, or holds a control character"],
    ["an escape that is none", '["\\x41"]', "1:2 this text has an escape that JSON does not know"],
    ["two values", "{} {}", "1:4 there is more after the end of the JSON value"],
    ["a comment without an end", "{ /* }", "1:3 the name of a member, in double quotes, should stand here"],
    ["nothing", " // only a comment", "1:19 the file ends where a value should stand"],
  ];
  it.each(faults)("names the place of %s, and quotes nothing", (_name, text, expected) => expect(faultOf(parseJsonc, text)).toBe(expected));

  it("ends at a depth and at a size before the stack does", () => {
    expect(faultOf(parseJsonc, "[".repeat(100_000))).toMatch(/^1:101 nested deeper/);
    expect(parseJsonc(`[${" ".repeat(3_000_000)}"${"x".repeat(3_000_000)}\\n"]`).value).toHaveLength(1);
  });
});

describe("TOML", () => {
  it("has tables, arrays of tables, dotted and quoted keys, and all kinds of text", () => {
    const text = [
      '# head\ntitle = "a\\tb\\u00e9\\x41" # tail',
      "path = 'C:\\Users\\x'",
      '"quoted key" = true',
      "a.b.'c.d' = 1_000",
      "when = 2026-11-22T10:00:00Z\nday = 2026-11-22\nat = 07:32:00\nratio = -1.5e3\nmask = 0xff",
      "",
      "[mcp_servers.docs]\r\ncommand = \"npx\"\r",
      'args = [\n  "-y", # yes\n  \'x\',\n]',
      "env = { A = \"1\", 'B.C' = \"2\" }",
      '[mcp_servers.docs.tools.search]\nmode = "auto"',
      '[mcp_servers."with.dot"]',
      '[[skills]]\nname = "a"\n[[skills]]\nname = "b"\n[skills.more]\nx = 1',
      'text = """\nfirst "quoted" \\\n   joined\n""two"""""\nraw = \'\'\'\\n\'\'\'',
    ].join("\n");
    expect(plain(parseToml(text).value)).toEqual({
      title: "a\tbéA",
      path: "C:\\Users\\x",
      "quoted key": true,
      a: { b: { "c.d": "1_000" } },
      when: "2026-11-22T10:00:00Z",
      day: "2026-11-22",
      at: "07:32:00",
      ratio: "-1.5e3",
      mask: "0xff",
      mcp_servers: { docs: { command: "npx", args: ["-y", "x"], env: { A: "1", "B.C": "2" }, tools: { search: { mode: "auto" } } }, "with.dot": {} },
      skills: [{ name: "a" }, { name: "b", more: { x: "1", text: 'first "quoted" joined\n""two""', raw: "\\n" } }],
    });
  });

  it("lets a table be written after the tables in it", () => {
    expect(plain(parseToml("[a.b]\nx = 1\n[a]\ny = 2").value)).toEqual({ a: { b: { x: "1" }, y: "2" } });
  });

  it("says where each table begins", () => {
    const text = "x = 1\n\n[a]\n[a.b]\n";
    const { value, offsetOf } = parseToml(text);
    expect(placeOf(text, offsetOf((value as { a: { b: object } }).a.b)).line).toBe(4);
  });

  it("takes a key called __proto__ for a key", () => {
    parseToml("[__proto__]\npolluted = true\n");
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  const faults: [string, string, string][] = [
    ["text without quotes", "a = 1\nb = s3cret", "2:5 a value should stand here; text needs quotes"],
    ["a key twice", "a = 1\na = 2", "2:1 this key stands in the table already"],
    ["a table twice", "[a]\n[b]\n[a]", "3:1 this table stands in the file already"],
    ["a table that is a value", "a = 1\n[a.b]", "2:1 this name has another meaning already"],
    ["a key put into an inline table", "a = { b = 1 }\na.c = 2", "2:1 this name has another meaning already"],
    ["a table in an inline one", "a = { b = 1 }\n[a.c]", "2:1 this name has another meaning already"],
    ["an element put into a plain array", "a = []\n[[a]]", "2:1 this name has another meaning already"],
    ["two values on a line", "a = 1 b = 2", "1:6 nothing but a comment may follow on this line"],
    ["a number that is none", "a = 12abc", "1:5 a value should stand here; text needs quotes"],
    ["a name without an end", "[a", "1:3 the table's name should end here with a bracket"],
    ["a key without a value", "a", "1:2 an equals sign should stand here"],
    ["text without an end", 'a = "s3cret\nb = 1', "1:5 this text has no end on its line"],
    ["long text without an end", 'a = """s3cret', "1:5 this text has no end"],
    ["an escape that is none", 'a = "\\q"', "1:7 TOML does not know this escape"],
    ["an escape that is no character", 'a = "\\ud800"', "1:12 this escape is no character"],
    ["an array without an end", "a = [1,", "1:8 a value should stand here; text needs quotes"],
    ["a comma that is missing", "a = [1 2]", "1:8 a comma should stand here"],
    ["no key", "= 1", "1:1 a key should stand here"],
  ];
  it.each(faults)("names the place of %s, and quotes nothing", (_name, text, expected) => expect(faultOf(parseToml, text)).toBe(expected));

  it("ends at a depth before the stack does", () => {
    expect(faultOf(parseToml, `a = ${"[".repeat(100_000)}`)).toMatch(/nested deeper/);
    expect(faultOf(parseToml, `${"a.".repeat(100_000)}b = 1`)).toMatch(/too many parts/);
  });
});
