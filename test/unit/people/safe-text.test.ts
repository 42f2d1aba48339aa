import { describe, expect, it } from "vitest";
import { safeLine, safeText } from "../../../proxy/people/safe-text.ts";

describe("text that is read safely", () => {
  it.each<[string, string, string]>([
    ["zero-width characters", "pay\u200bpal", "pay⟦U+200B⟧pal"],
    ["characters that reorder", "\u202egnp.exe", "⟦U+202E⟧gnp.exe"],
    ["escape sequences", "a\u001b[2Jb\u009b1m", "a⟦U+001B⟧[2Jb⟦U+009B⟧1m"],
    ["tags, which only a model reads", "hi\u{e0041}\u{e007f}", "hi⟦U+E0041⟧⟦U+E007F⟧"],
    ["variation selectors, which can carry bytes", "x\ufe01\u{e0102}", "x⟦U+FE01⟧⟦U+E0102⟧"],
    ["spaces that are none", "a\u00a0b\u3164c\u2800d", "a⟦U+00A0⟧b⟦U+3164⟧c⟦U+2800⟧d"],
    ["line separators", "a\u2028b\u0085c\rd", "a⟦U+2028⟧b⟦U+0085⟧c⟦U+000D⟧d"],
    ["half a character", "a\ud83db", "a⟦U+D83D⟧b"],
    ["a byte order mark and a soft hyphen", "\ufeffex\u00adec", "⟦U+FEFF⟧ex⟦U+00AD⟧ec"],
    ["a mark that stood in the text", "⟦U+200B⟧", "⟦U+27E6⟧U+200B⟦U+27E7⟧"],
  ])("shows %s", (_what, text, shown) => expect(safeText(text).text).toBe(shown));

  it("leaves lines, tabs, letters of all kinds and markup as they are written", () => {
    const text = "<script>alert(1)</script>\r\n\t[x](javascript:1) 日本語 ünï 👍";
    expect(safeText(text)).toEqual({ text: text.replace("\r\n", "\n"), hidden: 0, truncated: false });
  });

  it("counts what was hidden and is cut at its bound", () => {
    expect(safeText("\u200b\u200bx")).toMatchObject({ hidden: 2, truncated: false });
    const long = safeText("a".repeat(70_000));
    expect(long).toMatchObject({ truncated: true });
    expect(long.text).toHaveLength(65_536);
  });

  it("is one line where one line is wanted", () => {
    expect(safeLine("a\nb\tc")).toBe("a⟦U+000A⟧b⟦U+0009⟧c");
    expect(safeLine("x".repeat(300))).toBe(`${"x".repeat(200)}…`);
  });
});
