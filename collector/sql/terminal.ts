/**
 * Everything that a terminal would obey rather than show: control characters (an escape sequence begins with one), and the
 * marks that reorder or hide text. Results hold what agents and servers sent, so they may be written to deceive the reader.
 */
const UNSHOWABLE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** One line for people's eyes: what can't be shown is U+FFFD. Tabs stay. */
export function showable(line: string): string {
  return line.replace(UNSHOWABLE, "\ufffd");
}
