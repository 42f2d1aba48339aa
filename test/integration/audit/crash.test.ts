import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { breakBetween } from "../../../collector/audit/chain.ts";
import { GENESIS_HASH, recordHash } from "../../../collector/record/canonical.ts";
import { recordsIn, spoolIn, tempDir } from "../../unit/audit/spools.ts";

const WRITER = fileURLToPath(new URL("crash-writer.ts", import.meta.url));

/** Runs the writer until it has said that `atLeast` records are durable, then kills it in whatever it is doing. */
async function writeAndKill(dir: string, atLeast: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, dir], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (lastOf(said) >= atLeast) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.once("close", resolve));
  return lastOf(said);
}

const lastOf = (said: string): number => Number(said.split("\n").slice(0, -1).at(-1) ?? 0);

test("a killed worker's durable records are all there, its chain goes on, and its lock is taken over", async () => {
  const dir = await tempDir();
  let promised = 0;
  for (let round = 1; round <= 4; round++) promised = await writeAndKill(dir, promised + 400);
  const spool = await spoolIn(dir);
  expect(spool.stats.headSeq).toBeGreaterThanOrEqual(promised);

  let head = { seq: 0, hash: GENESIS_HASH };
  for (const record of await recordsIn(dir)) {
    expect(breakBetween(head, record, recordHash(record))).toBeNull();
    head = { seq: record.seq, hash: record.hash };
  }
  expect(head.seq).toBe(spool.stats.headSeq);
});
