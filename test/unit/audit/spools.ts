import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { nodeDisk, type AppendFile, type Disk } from "../../../collector/audit/disk.ts";
import { openSpool, type Spool, type SpoolOptions } from "../../../collector/audit/spool.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger, type Logger } from "../../../collector/kernel/log.ts";
import type { CallRecord } from "../../../collector/record/call-record.ts";
import { openSpoolReader } from "../../../collector/audit/reader.ts";

export const START_MS = 1_763_800_000_000;

/** A directory that goes away with the test. */
export async function tempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "signalbox-spool-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Hears what is said as a failure and as its end. */
export const loggerTo = (say: (context: object, message: string) => void): Logger => ({ ...silentLogger, error: say, info: say }) as Logger;

/** A spool that is stopped with the test; it may be stopped before. */
export async function spoolIn(dir: string, options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await openSpool({
    dir,
    producerPrefix: "px",
    clock: manualClock(START_MS),
    logger: silentLogger,
    maxBytes: 64 * 1024 * 1024,
    retryMs: 5,
    ...options,
  });
  onTestFinished(() => spool.stop());
  return spool;
}

export async function recordsIn(dir: string): Promise<CallRecord[]> {
  const found: CallRecord[] = [];
  for await (const record of (await openSpoolReader(dir)).records()) found.push(record);
  return found;
}

/** As a crash leaves it that came before the hashes of the last records were kept. */
export async function forgetHashes(dir: string): Promise<void> {
  for (const name of await readdir(dir)) if (name.endsWith(".leaves")) await rm(join(dir, name));
}

/** Changes a file as a person with an editor would. */
export async function editFile(path: string, edit: (text: string) => string): Promise<void> {
  await writeFile(path, edit(await readFile(path, "utf8")));
}

export interface TestDisk extends Disk {
  /** While set, writes leave this many bytes behind and then fail. */
  failWrites: { afterBytes: number } | null;
  failSyncs: boolean;
  /** Syncs that began, and that succeeded. */
  begun: number;
  commits: number;
  /** While set, a sync waits for it. */
  hold: Promise<void> | null;
}

export function testDisk(): TestDisk {
  const disk: TestDisk = {
    failWrites: null,
    failSyncs: false,
    begun: 0,
    commits: 0,
    hold: null,
    async openAppend(path, options): Promise<AppendFile> {
      const file = await nodeDisk.openAppend(path, options);
      return {
        truncate: (length) => file.truncate(length),
        close: () => file.close(),
        async write(bytes) {
          if (disk.failWrites) {
            await file.write(bytes.subarray(0, disk.failWrites.afterBytes));
            throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
          }
          await file.write(bytes);
        },
        async sync() {
          disk.begun++;
          await disk.hold;
          if (disk.failSyncs) throw Object.assign(new Error("i/o error"), { code: "EIO" });
          await file.sync();
          disk.commits++;
        },
      };
    },
  };
  return disk;
}
