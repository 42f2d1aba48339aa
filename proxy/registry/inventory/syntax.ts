/** A file is not written as its format asks. The message never quotes the file: what stands there may be a secret. */
export class SyntaxFault extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** What was read, and where in the text each object of it begins. */
export interface Parsed {
  readonly value: unknown;
  offsetOf(object: object): number;
}

export type Plain = Record<string, unknown>;

/** Without a prototype: a file may have a member called `__proto__`. */
export const emptyObject = (): Plain => Object.create(null) as Plain;

export const isObject = (value: unknown): value is Readonly<Plain> => typeof value === "object" && value !== null && !Array.isArray(value);

/** Both count from 1. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf("\n");
  let line = 1;
  for (let i = before.indexOf("\n"); i !== -1; i = before.indexOf("\n", i + 1)) line += 1;
  return { line, column: offset - lastBreak };
}

export const MAX_NESTING = 100;
