import { isHiddenPoint } from "./gates.ts";

export interface Revealed {
  /** The text with each of them as ⟦U+200B⟧; a run of tag characters as what it spells. */
  readonly text: string;
  /** How many there are, by kind: `bidi`, `zero_width`, `tag`, `control`, `invisible`. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Characters that are not seen; tags and the supplementary variation selectors lie in the fourteenth plane. */
const CANDIDATES = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e01ef}]+/gu;
const ZWNJ = 0x200c;
const ZWJ = 0x200d;
const LEFT_TO_RIGHT_MARK = 0x200e;
const RIGHT_TO_LEFT_MARK = 0x200f;

/** Null where nothing is hidden. Linear in the text's length. */
export function reveal(text: string): Revealed | null {
  const counts = new Map<string, number>();
  const shown = text.replace(CANDIDATES, (run, at: number) => (isCustomary(run, text, at) ? run : show(run, counts)));
  return counts.size === 0 ? null : { text: shown, counts };
}

/**
 * One joiner between letters or pictures that are joined so in writing, one variation selector behind the character that it
 * varies, a mark of direction beside a script that needs one, the mark at a file's very beginning.
 */
function isCustomary(run: string, text: string, at: number): boolean {
  const first = run.codePointAt(0)!;
  if (run.length === 1 && first === 0xfeff) return at === 0;
  const before = at === 0 ? 0 : text.charCodeAt(at - 1);
  const after = at + run.length < text.length ? text.charCodeAt(at + run.length) : 0;
  if (first >= 0xfe00 && first <= 0xfe0f && (run.length === 1 || (run.length === 2 && run.charCodeAt(1) === ZWJ))) {
    return before > 0xff || before === 0xa9 || before === 0xae || /[#*\d]/.test(text[at - 1] ?? "");
  }
  if (run.length !== 1) return false;
  if (first === ZWJ || first === ZWNJ) return before > 0x2ff && after > 0x2ff;
  if (first === LEFT_TO_RIGHT_MARK || first === RIGHT_TO_LEFT_MARK || first === 0x61c) return isRightToLeft(before) || isRightToLeft(after);
  return first === 0xad && /\p{L}/u.test(text[at - 1] ?? "") && /\p{L}/u.test(text[at + 1] ?? "");
}

const isRightToLeft = (unit: number): boolean => (unit >= 0x590 && unit <= 0x8ff) || (unit >= 0xfb1d && unit <= 0xfefc);

function show(run: string, counts: Map<string, number>): string {
  let out = "";
  let spelled = "";
  for (const char of run) {
    const point = char.codePointAt(0)!;
    const kind = kindOf(point);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (point >= 0xe0020 && point <= 0xe007e) spelled += String.fromCharCode(point - 0xe0000);
    else out += `⟦U+${point.toString(16).toUpperCase().padStart(4, "0")}⟧`;
  }
  // Tags spell ASCII that only a model reads: shown as that, since what it says is what matters.
  return spelled === "" ? out : `${out}⟦hidden text: ${spelled}⟧`;
}

function kindOf(point: number): string {
  if (point >= 0xe0000) return "tag";
  if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) return "control";
  if ((point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point === 0x200e || point === 0x200f || point === 0x61c) return "bidi";
  if ((point >= 0x200b && point <= 0x200d) || point === 0x2060 || point === 0xfeff) return "zero_width";
  return isHiddenPoint(point) ? "invisible" : "other";
}
