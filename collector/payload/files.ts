import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Payloads on their way to the store, one folder a worker:
 *
 *     payloads.<time>-<n>-<producer>.open           rows that are being appended to, a JSON line each
 *     payloads.<time>-<n>-<producer>.ndjson         a batch: it never changes, and its name is the store's token for it
 *     dropped_payloads.<time>-<n>-<producer>.ndjson the same, of what was dropped
 */
export const payloadsDir = (dataDir: string): string => join(dataDir, "payloads");
export const workerPayloadsDir = (dataDir: string, slot: number): string => join(payloadsDir(dataDir), `worker-${slot}`);

export const OPEN = ".open";
const BATCH = ".ndjson";
const WORKER_DIR = /^worker-(\d+)$/;
const BATCH_NAME = /^(payloads|dropped_payloads)\.[A-Za-z0-9._-]+\.ndjson$/;

export const sealedName = (openPath: string): string => openPath.slice(0, -OPEN.length) + BATCH;

/** The table that a batch's rows are for, null for what is no batch. */
export const tableOf = (name: string): string | null => BATCH_NAME.exec(name)?.[1] ?? null;

export interface WorkerDir {
  readonly slot: number;
  readonly path: string;
}

/** The folders of all workers that there ever were. */
export async function workerDirs(root: string): Promise<WorkerDir[]> {
  const found = await names(root);
  return found.flatMap((name) => {
    const slot = WORKER_DIR.exec(name)?.[1];
    return slot === undefined ? [] : [{ slot: Number(slot), path: join(root, name) }];
  });
}

/** What is in a folder, by name; nothing where there is none. */
export async function names(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** How many bytes of it there are, and how many batches wait. */
export async function usage(dir: string): Promise<{ bytes: number; waiting: number; droppedWaiting: boolean }> {
  const all = await names(dir);
  const sizes = await Promise.all(all.map((name) => stat(join(dir, name)).then((file) => file.size, () => 0)));
  const tables = all.map(tableOf);
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), waiting: tables.filter((table) => table === "payloads").length, droppedWaiting: tables.includes("dropped_payloads") };
}

/**
 * Makes batches of what a process left open that is no more. A line that it did not finish is cut off. Only to be called
 * while nobody appends there: the worker that has the slot's audit spool, or nobody where the slot has no worker.
 */
export async function sealLeft(dir: string): Promise<void> {
  for (const name of (await names(dir)).filter((one) => one.endsWith(OPEN))) {
    const path = join(dir, name);
    const whole = (await readFile(path)).lastIndexOf(0x0a) + 1;
    if (whole === 0) {
      await rm(path);
      continue;
    }
    const file = await open(path, "r+");
    try {
      await file.truncate(whole);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(path, sealedName(path));
  }
}
