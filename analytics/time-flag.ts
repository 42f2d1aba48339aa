import { InvalidArgumentError } from "commander";

/** A command's option that is a time: Unix milliseconds. */
export function parseTime(text: string): number {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new InvalidArgumentError("not a time such as 2026-01-31T10:00:00Z");
  return atMs;
}
