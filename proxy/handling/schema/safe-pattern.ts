/** A regular expression that somebody else wrote, made so that testing it takes bounded time. */
export interface SafePattern {
  /** Characters up to which it may be tested. */
  readonly maxLength: number;
  /** The most steps that a test of so many characters takes, roughly. */
  steps(length: number): number;
  test(text: string): boolean;
}

const MAX_PATTERN = 512;
/** A test takes at most 2 to the power of this many steps. */
const STEP_BITS = 18;
const MAX_TEXT = 65_536;

/** How many ways there are to match: each unbounded repetition a factor of the text's length, each choice one of its own. */
interface Ways {
  unbounded: number;
  bits: number;
}

/**
 * Null for an expression that cannot be bounded: a repetition of something that itself repeats or branches can take time
 * exponential in the text, and looking around and back references come in ways that this does not follow.
 */
export function safePattern(source: string): SafePattern | null {
  const ways = source.length > MAX_PATTERN ? null : waysOf(source);
  if (ways === null) return null;
  // Without an anchor the search begins anew at every character.
  const power = ways.unbounded + (source.startsWith("^") && !source.includes("|") ? 0 : 1);
  const maxLength = power === 0 ? MAX_TEXT : Math.min(MAX_TEXT, Math.floor(2 ** ((STEP_BITS - ways.bits) / power)));
  if (ways.bits > STEP_BITS || maxLength < 16) return null;
  let expression: RegExp;
  try {
    expression = new RegExp(source, "u");
  } catch {
    return null;
  }
  return { maxLength, steps: (length) => length ** power * 2 ** ways.bits, test: (text) => expression.test(text) };
}

function waysOf(source: string): Ways | null {
  const ways: Ways = { unbounded: 0, bits: 0 };
  /** For each open group: whether there is more than one way through it. */
  const groups: boolean[] = [];
  let closedChoice = false;
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!;
    const afterChoice = closedChoice;
    closedChoice = false;
    if (char === "\\") {
      if (/[1-9k]/.test(source[i + 1] ?? "")) return null;
      i++;
    } else if (char === "[") {
      i = classEnd(source, i);
    } else if (char === "(") {
      if (source[i + 1] === "?" && source[i + 2] !== ":") return null;
      if (source[i + 1] === "?") i += 2;
      groups.push(false);
    } else if (char === "|") {
      ways.bits++;
      markAll(groups);
    } else if (char === ")") {
      closedChoice = groups.pop() ?? false;
    } else {
      const times = repetition(source, i, char);
      if (times === null) continue;
      if (afterChoice && char !== "?") return null;
      if (times === Infinity) ways.unbounded++;
      else ways.bits += Math.log2(times);
      if (times > 1) markAll(groups);
    }
  }
  return ways;
}

const markAll = (groups: boolean[]): void => void groups.fill(true);

const COUNTED = /\{(\d{1,6})(,(\d{0,6}))?\}/y;

/** In how many ways a repetition can go, where one begins. */
function repetition(source: string, i: number, char: string): number | null {
  if (char === "*" || char === "+") return Infinity;
  if (char === "?") return 2;
  if (char !== "{") return null;
  COUNTED.lastIndex = i;
  const match = COUNTED.exec(source);
  if (match === null) return null;
  if (match[2] === undefined) return 1;
  return match[3] === "" ? Infinity : Math.max(1, Number(match[3]) - Number(match[1]) + 1);
}

function classEnd(source: string, from: number): number {
  for (let i = from + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "]") return i;
  }
  return source.length;
}
