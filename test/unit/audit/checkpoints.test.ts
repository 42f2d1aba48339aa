import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startCheckpointer } from "../../../collector/audit/checkpoint/checkpointer.ts";
import { CHECKPOINT, entryProblem, KEY, keyIdOf, type Checkpoint, type KnownKeys, type LogEntry } from "../../../collector/audit/checkpoint/entry.ts";
import { keyFile, logFile, nextKeyFile } from "../../../collector/audit/checkpoint/files.ts";
import { makeNextKey } from "../../../collector/audit/checkpoint/keys.ts";
import { readLeaves } from "../../../collector/audit/checkpoint/leaves.ts";
import { openCheckpointLog, type CheckpointClaim } from "../../../collector/audit/checkpoint/log.ts";
import { readLog } from "../../../collector/audit/checkpoint/log-reader.ts";
import { HASH_BYTES, merkleRoot } from "../../../collector/audit/checkpoint/merkle.ts";
import { verifyLog } from "../../../collector/audit/verify-checkpoints.ts";
import { Findings } from "../../../collector/audit/verify-report.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "./drafts.ts";
import { editFile, loggerTo, recordsIn, spoolIn, START_MS, tempDir, testDisk } from "./spools.ts";

const clock = manualClock(START_MS);
const claim = (last: number, first = last): CheckpointClaim => ({
  producer: "px-1",
  first_seq: String(first),
  last_seq: String(last),
  first_previous_hash: String(first - 1).padStart(64, "0"),
  head_hash: String(last).padStart(64, "0"),
  merkle_root: "a".repeat(64),
});

async function entriesOf(dir: string): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const lines of readLog(logFile(dir))) entries.push(...lines.map((line) => line.entry!));
  return entries;
}

/** Every problem that verification finds with a log alone. */
async function problemsOf(dir: string, trusted: string | null = null): Promise<string[]> {
  const findings = new Findings(50);
  await verifyLog({ logFile: logFile(dir), trusted }, findings);
  return findings.failures.map((f) => `${f.record} ${f.what}`);
}

describe("a checkpoint log", () => {
  test("begins with a key that only its owner may read, and goes on with checkpoints that are signed and linked", async () => {
    const dir = await tempDir();
    const log = await openCheckpointLog(dir, clock);
    await log.checkpoint(async () => claim(1));
    await log.checkpoint(async (state) => claim(state.heads.get("px-1")!.seq + 1));
    const entries = await entriesOf(dir);
    expect(entries.map((e) => e.event_type)).toEqual([KEY, CHECKPOINT, CHECKPOINT]);
    expect(entries[1]!.previous_hash).toBe(entries[0]!.event_hash);
    expect((await stat(keyFile(dir))).mode & 0o777).toBe(0o600);
    expect(await problemsOf(dir)).toEqual([]);
  });

  test("is written to while others ask for its state", async () => {
    const dir = await tempDir();
    const log = await openCheckpointLog(dir, clock);
    let asking = true;
    const ask = async (): Promise<void> => {
      while (asking) await log.state();
    };
    const asked = [ask(), ask(), ask()];
    for (let n = 1; n <= 100; n++) await log.checkpoint(async (state) => claim((state.heads.get("px-1")?.seq ?? 0) + 1));
    asking = false;
    await Promise.all(asked);
    expect(await problemsOf(dir)).toEqual([]);
    expect((await log.state()).heads.get("px-1")!.seq).toBe(100);
  });

  test("is gone on with by the next process, and cuts what a crash left of a line", async () => {
    const dir = await tempDir();
    await (await openCheckpointLog(dir, clock)).checkpoint(async () => claim(1));
    await editFile(logFile(dir), (text) => `${text}{"event_type":"audit.checkp`);
    const again = await openCheckpointLog(dir, clock);
    await again.checkpoint(async (state) => claim(state.heads.get("px-1")!.seq + 1));
    expect(await problemsOf(dir)).toEqual([]);
    expect(await entriesOf(dir)).toHaveLength(3);
  });

  test("takes entries from two processes in turn", async () => {
    const dir = await tempDir();
    const [a, b] = [await openCheckpointLog(dir, clock), await openCheckpointLog(dir, clock)];
    const next = (log: typeof a) => log.checkpoint(async (state) => claim((state.heads.get("px-1")?.seq ?? 0) + 1));
    await Promise.all([next(a), next(b), next(a), next(b)]);
    await b.rotate();
    await next(a);
    expect(await problemsOf(dir)).toEqual([]);
    expect((await entriesOf(dir)).filter((e) => e.event_type === CHECKPOINT)).toHaveLength(5);
  });

  test("rotates: the new key is vouched for by the old one, which is gone; who trusts either can follow", async () => {
    const dir = await tempDir();
    const log = await openCheckpointLog(dir, clock);
    const before = await readFile(keyFile(dir), "utf8");
    await log.checkpoint(async () => claim(1));
    const statement = await log.rotate();
    await log.checkpoint(async () => claim(2));
    const [first, , , last] = await entriesOf(dir);
    expect(statement.key_id).toBe(first!.key_id);
    expect(last!.key_id).toBe(statement.public_key_id);
    expect(await readFile(keyFile(dir), "utf8")).not.toBe(before);
    const { keys } = await log.state();
    expect(keys).toHaveLength(2);
    for (const { public_key } of keys) expect(await problemsOf(dir, public_key)).toEqual([]);
    const stranger = (await (await openCheckpointLog(await tempDir(), clock)).state()).keys[0]!.public_key;
    expect(await problemsOf(dir, stranger)).toContainEqual(expect.stringContaining("no key of the log is the one that is trusted"));
  });

  test("ends a rotation that was cut off behind its statement, and undoes one that was cut off before", async () => {
    const dir = await tempDir();
    const log = await openCheckpointLog(dir, clock);
    const old = await readFile(keyFile(dir), "utf8");
    const { public_key_id } = await log.rotate();
    await writeFile(nextKeyFile(dir), await readFile(keyFile(dir)), { mode: 0o600 });
    await writeFile(keyFile(dir), old, { mode: 0o600 });
    expect((await (await openCheckpointLog(dir, clock)).checkpoint(async () => claim(1)))!.key_id).toBe(public_key_id);
    await makeNextKey(dir);
    expect((await (await openCheckpointLog(dir, clock)).checkpoint(async () => claim(2)))!.key_id).toBe(public_key_id);
    await (await openCheckpointLog(dir, clock)).rotate();
    expect(await problemsOf(dir)).toEqual([]);
  });

  test("refuses a key that others can read, and one that is not the log's", async () => {
    const dir = await tempDir();
    await openCheckpointLog(dir, clock);
    const key = await readFile(keyFile(dir));
    const other = await tempDir();
    await openCheckpointLog(other, clock);
    await writeFile(keyFile(dir), await readFile(keyFile(other)));
    await expect(openCheckpointLog(dir, clock)).rejects.toMatchObject({ code: "E_AUDIT_KEY", message: expect.stringContaining("is not the key") });
    await writeFile(keyFile(dir), key);
    await chmod(keyFile(dir), 0o644);
    await expect(openCheckpointLog(dir, clock)).rejects.toMatchObject({ code: "E_AUDIT_KEY", message: expect.stringContaining("can be read by others") });
  });

  test("shows every change: of any member, of the order, of what was taken out", async () => {
    const dir = await tempDir();
    const log = await openCheckpointLog(dir, clock);
    for (let n = 1; n <= 3; n++) await log.checkpoint(async () => claim(n));
    const text = await readFile(logFile(dir), "utf8");
    const lines = text.trimEnd().split("\n");
    for (const name of Object.keys(JSON.parse(lines[2]!) as object)) {
      await editFile(logFile(dir), () => lines.map((line, i) => (i === 2 ? changed(line, name) : line)).join("\n") + "\n");
      expect(await problemsOf(dir), name).not.toEqual([]);
    }
    for (const order of [[0, 2, 1, 3], [0, 1, 3], [0, 1, 1, 2, 3]]) {
      await writeFile(logFile(dir), order.map((i) => `${lines[i]}\n`).join(""));
      expect(await problemsOf(dir), order.join()).not.toEqual([]);
    }
  });

  test("a forger's entry, whole in itself, is signed by a key that nothing vouches for", async () => {
    const [dir, forger] = [await tempDir(), await tempDir()];
    const log = await openCheckpointLog(dir, clock);
    const forged = (await (await openCheckpointLog(forger, clock)).checkpoint(async () => claim(1)))!;
    const keys: KnownKeys = new Map((await log.state()).keys.map((k) => [k.public_key_id, k.public_key]));
    expect(entryProblem(forged, keys)).toContain("a key that nothing before it names");
    expect(keyIdOf((await log.state()).keys[0]!.public_key)).toBe((await log.state()).keyId);
  });
});

/** The line with one member's last character replaced by another that may stand there. */
function changed(line: string, name: string): string {
  const entry = JSON.parse(line) as Record<string, string>;
  const value = entry[name]!;
  const digit = /[1-9a-z](?=[^1-9a-z]*$)/.exec(value)!;
  return JSON.stringify({ ...entry, [name]: value.slice(0, digit.index) + (digit[0] === "2" ? "3" : "2") + value.slice(digit.index + 1) });
}

describe("checkpoints of spools", () => {
  async function spools(segmentBytes?: number) {
    const root = await tempDir();
    const dir = join(root, "worker-0");
    const open = (more = {}) => spoolIn(dir, { segmentBytes, leavesMs: 1, ...more });
    const audit = await tempDir();
    const log = await openCheckpointLog(audit, clock);
    const checkpointer = startCheckpointer({ log, spoolRoot: root, everyMs: 3_600_000, logger: silentLogger });
    return { dir, open, audit, log, checkpointer };
  }

  test("cover every record, from one to the next, with the root of their hashes", async () => {
    const { dir, open, audit, checkpointer } = await spools();
    const spool = await open();
    for (const part of [3, 4]) {
      for (let n = 0; n < part; n++) spool.append(draft(n));
      await spool.flush();
      await waitFor("the hashes", async () => (await checkpointer.run()) > 0, { everyMs: 2 });
    }
    await spool.stop();
    await checkpointer.stop();
    const records = await recordsIn(dir);
    const checkpoints = (await entriesOf(audit)).filter((e): e is Checkpoint => e.event_type === CHECKPOINT);
    let seq = 0;
    for (const { first_seq, last_seq, first_previous_hash, head_hash, merkle_root } of checkpoints) {
      expect(Number(first_seq)).toBe(seq + 1);
      const covered = records.slice(seq, (seq = Number(last_seq)));
      expect(first_previous_hash).toBe(covered[0]!.prevHash);
      expect(head_hash).toBe(covered.at(-1)!.hash);
      expect(merkle_root).toBe(merkleRoot((i) => Buffer.from(covered[i]!.hash, "hex"), covered.length).toString("hex"));
    }
    expect(seq).toBe(7);
    expect(await problemsOf(audit)).toEqual([]);
  });

  test("cover records whose segments were delivered and deleted before anybody signed", async () => {
    const { dir, open, log, checkpointer } = await spools(1);
    const spool = await open({ leavesMs: 3_600_000 });
    for (let n = 1; n <= 5; n++) {
      spool.append(draft(n));
      await spool.flush();
    }
    const hashes = (await recordsIn(dir)).map((r) => r.hash);
    await spool.delivery.acknowledge({ seq: 5, hash: hashes[4]! }, 0);
    expect((await readdir(dir)).filter((name) => name.endsWith(".ndjson") && name !== "intents.ndjson")).toHaveLength(1);
    await checkpointer.stop();
    expect((await log.state()).heads.get(spool.producer)).toEqual({ seq: 5, hash: hashes[4] });
  });

  test("are made whatever else lies beside the spools, and nothing is said of it", async () => {
    const root = await tempDir();
    await writeFile(join(root, "a file"), "");
    await mkdir(join(root, "a folder"));
    const spool = await spoolIn(join(root, "worker-0"));
    await spool.append(draft(1)).durable;
    await spool.stop();
    const said: string[] = [];
    const log = await openCheckpointLog(await tempDir(), clock);
    const checkpointer = startCheckpointer({ log, spoolRoot: root, everyMs: 3_600_000, logger: loggerTo((_, message) => said.push(message)) });
    expect(await checkpointer.run()).toBe(1);
    await checkpointer.stop();
    expect(said).toEqual([]);
  });

  test("cover what a killed process had in memory only: the segments still have it", async () => {
    const { dir, open, log, checkpointer } = await spools();
    const spool = await open({ leavesMs: 3_600_000 });
    for (let n = 1; n <= 4; n++) spool.append(draft(n));
    await spool.flush();
    const segment = (await readdir(dir)).find((name) => /^\d+\.ndjson$/.test(name))!;
    const copy = await tempDir();
    for (const name of ["producer", segment]) await writeFile(join(copy, name), await readFile(join(dir, name)));
    expect((await readdir(dir)).some((name) => name.endsWith(".leaves"))).toBe(false);
    await spool.stop();
    const again = await spoolIn(copy, { leavesMs: 3_600_000 });
    const found: number[] = [];
    for await (const leaves of readLeaves(copy, 1)) found.push(leaves.firstSeq, leaves.hashes.length / HASH_BYTES);
    expect(found).toEqual([1, 4]);
    await again.stop();
    await checkpointer.stop();
    expect((await log.state()).heads.get(spool.producer)?.seq).toBe(4);
  });

  test("wait for hashes that a disk does not take, and leave out none of them", async () => {
    const { dir, open, log, checkpointer } = await spools();
    const disk = testDisk();
    const spool = await open({ leavesMs: 3_600_000, disk });
    spool.append(draft(1));
    await spool.flush();
    disk.failWrites = { afterBytes: 10 };
    await expect(spool.delivery.acknowledge({ seq: 1, hash: (await recordsIn(dir))[0]!.hash }, 0)).resolves.toBeUndefined();
    disk.failWrites = null;
    spool.append(draft(2));
    await spool.stop();
    await checkpointer.stop();
    expect((await log.state()).heads.get(spool.producer)?.seq).toBe(2);
  });

  test("are refused to a spool that was put back from a copy and does not continue what was signed", async () => {
    const { dir, open, log, checkpointer } = await spools();
    const spool = await open();
    for (let n = 1; n <= 3; n++) spool.append(draft(n));
    await spool.stop();
    await checkpointer.run();
    for (const name of await readdir(dir)) {
      if (name.endsWith(".leaves")) await writeFile(join(dir, name), Buffer.concat([Buffer.alloc(4 * HASH_BYTES, 7), Buffer.alloc(HASH_BYTES, 8)]));
    }
    expect(await checkpointer.run()).toBe(0);
    expect((await log.state()).heads.get(spool.producer)?.seq).toBe(3);
  });

  test("are followed by the removal of hashes that nobody needs", async () => {
    const { dir, open, checkpointer } = await spools();
    for (let run = 0; run < 3; run++) {
      const spool = await open();
      spool.append(draft(run));
      await spool.stop();
    }
    await checkpointer.stop();
    expect((await readdir(dir)).filter((name) => name.endsWith(".leaves"))).toHaveLength(1);
  });
});
