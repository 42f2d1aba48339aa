/** Text that somebody may have written to deceive, in a form that can be read and does nothing. */
export interface SafeText {
  readonly text: string;
  /** Characters that were made visible. */
  readonly hidden: number;
  /** There is more than is shown. */
  readonly truncated: boolean;
}

const MAX_CHARACTERS = 64 * 1024;

/**
 * Control and format characters (escape sequences, reordering, zero-width ones, tags), what looks like nothing or like a
 * space without being one, variation selectors, private use, unassigned and halved characters. Line feed and tab stay.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

/** Each hidden character as ⟦U+200B⟧. What reads like one of these marks but stood in the text is marked too. */
export function safeText(text: string, maxCharacters = MAX_CHARACTERS): SafeText {
  const truncated = text.length > maxCharacters;
  let hidden = 0;
  const shown = (truncated ? text.slice(0, maxCharacters) : text)
    .replaceAll("\r\n", "\n")
    .replace(/[⟦⟧]/gu, (c) => `⟦U+${codePoint(c)}⟧`)
    .replace(HIDDEN, (c) => {
      if (c === "\n" || c === "\t") return c;
      hidden++;
      return `⟦U+${codePoint(c)}⟧`;
    });
  return { text: shown, hidden, truncated };
}

/** For one line of a table or a sentence. */
export const safeLine = (text: string, maxCharacters = 200): string => {
  const { text: shown, truncated } = safeText(text, maxCharacters);
  return shown.replace(/[\n\t]/g, (c) => `⟦U+${codePoint(c)}⟧`) + (truncated ? "…" : "");
};

/** JSON that says the same, in which what a terminal would obey or not show is escaped. */
export const safeJson = (json: string): string => json.replace(HIDDEN, (c) => c.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""));

const codePoint = (c: string): string => c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
