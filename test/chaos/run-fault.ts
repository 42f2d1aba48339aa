import { waitFor } from "../support/wait.ts";
import type { BookKeeper, Books } from "./check.ts";
import type { Fault, World } from "./fault.ts";

/** A row of the table. */
export interface Row {
  readonly fault: string;
  readonly what: string;
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly gaps: number;
  readonly named: string;
  /** From the moment it was healed until every answered call was in `calls`. */
  readonly recoverySeconds: number;
  readonly problems: readonly string[];
  /** Why it could not be done here. */
  readonly skipped: string | null;
}

/** Calls that are answered before a fault, and after it was healed. */
const CALLS_BEFORE = 50;
const CALLS_AFTER = 50;
const SETTLE_MS = 120_000;

/** Injects one fault under load, heals it and looks at the books. */
export async function runFault(fault: Fault, world: World, books: BookKeeper, verifyNow: boolean): Promise<Row> {
  const skipped = fault.unable?.(world) ?? null;
  if (skipped !== null) return { ...empty(fault), skipped };
  const { load } = world;
  await world.answered(CALLS_BEFORE);
  const before = { answered: load.answered.size, refused: load.refused, failed: load.failed };
  const problems: string[] = [];
  const step = async (name: string, work: Promise<void>): Promise<void> => {
    await work.catch((error: unknown) => problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`));
  };
  await step("inject", fault.inject(world));
  await step("endure", fault.endure(world));
  await step("heal", fault.heal(world));
  const healedAt = performance.now();
  await step("after it", world.answered(CALLS_AFTER));
  await books.settle(new Set(load.answered), SETTLE_MS);
  const recoverySeconds = (performance.now() - healedAt) / 1000;
  world.disk?.free();

  const refused = load.refused - before.refused;
  const failed = load.failed - before.failed;
  if (fault.expected.refused === "some" && refused === 0) problems.push("no call was refused");
  if (fault.expected.refused === "none" && refused > 0) problems.push(`${refused} calls were refused`);
  if (fault.expected.failed === "none" && failed > 0) problems.push(`${failed} calls got no answer`);
  const { sums, found } = await whileStill(world, books, verifyNow);
  if (found !== null) problems.push(`audit verify: ${found}`);
  return {
    ...empty(fault),
    answered: sums.answered - before.answered,
    refused,
    failed,
    lost: sums.lost,
    duplicated: sums.duplicated,
    gaps: sums.gaps,
    named: fault.named?.() ?? "",
    recoverySeconds,
    problems: [...problems, ...sums.problems, ...(sums.gaps === fault.expected.gaps ? [] : [`${sums.gaps} gaps, expected ${fault.expected.gaps}`])],
  };
}

/** Calls go on meanwhile, so what is compared has to be looked at in a moment when all of it has arrived. */
async function whileStill(world: World, books: BookKeeper, verifyNow: boolean): Promise<{ sums: Books; found: string | null }> {
  const { load } = world;
  const rate = load.rate;
  load.rate = 0;
  try {
    await waitFor("the calls under way to be answered", () => load.inFlight === 0, { timeoutMs: SETTLE_MS });
    await books.settle(new Set(load.answered), SETTLE_MS);
    return { sums: await books.check(load.answered), found: verifyNow ? await books.verify() : null };
  } finally {
    load.rate = rate;
  }
}

const empty = ({ name, what }: Fault): Row => ({
  fault: name,
  what,
  answered: 0,
  refused: 0,
  failed: 0,
  lost: 0,
  duplicated: 0,
  gaps: 0,
  named: "",
  recoverySeconds: 0,
  problems: [],
  skipped: null,
});

export const holds = (row: Row): boolean => row.lost === 0 && row.duplicated === 0 && row.problems.length === 0;
