import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SignalboxError } from "../kernel/errors.ts";
import { GENESIS_HASH } from "../record/canonical.ts";
import { replaceFile } from "./disk.ts";
import { CURSOR_FILE } from "./layout.ts";

const seq = z.int().nonnegative();

/**
 * How far delivery is. `acked` is the last record that the collector has taken; with its hash, the chain goes on even when
 * every segment has been shipped and deleted. `sending` is the batch that may have arrived: it is sent again with exactly
 * these bounds after a crash, so that the store recognises it.
 */
const cursorSchema = z.object({
  acked: z.object({ seq, hash: z.string().regex(/^[0-9a-f]{64}$/) }),
  sending: z.object({ firstSeq: seq, lastSeq: seq }).nullable(),
});

export type Cursor = z.infer<typeof cursorSchema>;

export const startCursor: Cursor = { acked: { seq: 0, hash: GENESIS_HASH }, sending: null };

/** Throws E_AUDIT_CORRUPT for a file that is not a cursor: guessing one could deliver twice or never. */
export async function readCursor(dir: string): Promise<Cursor> {
  const path = join(dir, CURSOR_FILE);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return startCursor;
    throw error;
  }
  try {
    return cursorSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SignalboxError("E_AUDIT_CORRUPT", `${path} is not a delivery cursor`, {
      cause,
      remedy: "restore the file, or move the spool directory aside",
    });
  }
}

export function writeCursor(dir: string, cursor: Cursor): Promise<void> {
  return replaceFile(join(dir, CURSOR_FILE), `${JSON.stringify(cursor)}\n`);
}
