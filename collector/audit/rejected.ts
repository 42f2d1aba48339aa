import { open } from "node:fs/promises";
import { join } from "node:path";
import { REJECTED_FILE } from "./layout.ts";

/** A collector that refuses everything is a fault of its own. Beyond this the spool keeps the records, and fills. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Keeps a record that a collector refused when it came alone, as one JSON line: `{"atMs", "why", "record"}`. Nothing reads
 * the file by itself; a person decides, and `audit verify` names the gap meanwhile. False when the file is full.
 */
export async function setAside(dir: string, recordJson: string, why: string, atMs: number): Promise<boolean> {
  const file = await open(join(dir, REJECTED_FILE), "a", 0o600);
  try {
    if ((await file.stat()).size > MAX_BYTES) return false;
    await file.appendFile(`{"atMs":${atMs},"why":${JSON.stringify(why)},"record":${recordJson}}\n`);
    await file.sync();
    return true;
  } finally {
    await file.close();
  }
}
