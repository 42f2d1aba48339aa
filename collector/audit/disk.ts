import { open, rename, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** The part of the file system that appends and makes durable, apart from the rest so that tests can let it fail. */
export interface Disk {
  /** Opens for appending, creating the file; a created name is durable when this resolves. */
  openAppend(path: string): Promise<AppendFile>;
}

export interface AppendFile {
  /** Writes every byte or rejects; then any part may have been written. */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export const nodeDisk: Disk = {
  async openAppend(path) {
    const file = await open(path, "a", 0o600);
    try {
      await syncDirectory(dirname(path));
    } catch (error) {
      await file.close();
      throw error;
    }
    return {
      write: (bytes) => writeAll(file, bytes),
      sync: () => file.datasync(),
      truncate: (length) => file.truncate(length),
      close: () => file.close(),
    };
  },
};

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += (await file.write(bytes, done)).bytesWritten;
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
