import { close, constants, fdatasync, ftruncate, open as openFd, write } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

/** The part of the file system that appends and makes durable, apart from the rest so that tests can let it fail. */
export interface Disk {
  /** Opens for appending, creating the file; a created name is durable when this resolves. */
  openAppend(path: string): Promise<AppendFile>;
}

export interface AppendFile {
  /** Writes every byte or rejects; then any part may have been written. Durable after `sync`. */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export const nodeDisk: Disk = {
  async openAppend(path) {
    const fd = await promisify(openFd)(path, APPEND, 0o600);
    try {
      await syncDirectory(dirname(path));
    } catch (error) {
      await promisify(close)(fd);
      throw error;
    }
    return descriptorFile(fd);
  },
};

/**
 * Where the system can, a write is durable when it returns (O_DSYNC is a write and fdatasync in one): a commit is then one
 * trip to the thread pool instead of two, and waking a thread costs more than the write does.
 */
const DURABLE_WRITES = constants.O_DSYNC as number | undefined;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (DURABLE_WRITES ?? 0);

/** On a bare descriptor, because each operation of a FileHandle costs some promises and an object more. */
function descriptorFile(fd: number): AppendFile {
  // What O_DSYNC does not cover: lengths that were changed without a write.
  let unsynced = false;
  return {
    write(bytes) {
      if (DURABLE_WRITES === undefined) unsynced = true;
      return new Promise((resolve, reject) => {
        const from = (done: number): void =>
          write(fd, bytes, done, bytes.length - done, null, (error, written) => {
            if (error) reject(error);
            else if (done + written === bytes.length) resolve();
            else from(done + written);
          });
        from(0);
      });
    },
    async sync() {
      if (!unsynced) return;
      await promisify(fdatasync)(fd);
      unsynced = false;
    },
    truncate(length) {
      unsynced = true;
      return promisify(ftruncate)(fd, length);
    },
    close: () => promisify(close)(fd),
  };
}

/** A file's name is durable only once its directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const dir = await open(path, "r");
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

/** Replaces a small file as a whole: after a crash there is the old text or the new one. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  await syncDirectory(dirname(path));
}
