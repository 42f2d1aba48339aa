import { InvalidArgumentError } from "commander";

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A length of time on the command line, in seconds. */
export function seconds(value: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(value);
  if (!match) throw new InvalidArgumentError("a number and its unit: 90s, 30m, 8h or 7d");
  return Number(match[1]) * units[match[2]!]!;
}
