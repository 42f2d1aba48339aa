import { constants } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { Descriptor } from "./descriptor.ts";
import { ReservedFile } from "./reserved-file.ts";

/** The part of the file system that appends and makes durable, apart from the rest so that tests can let it fail. */
export interface Disk {
  /**
   * Opens for appending, creating the file; a created name is durable when this resolves. With `reserve`, space is made
   * ready ahead of what is written: until it is closed, the file then ends in zero bytes.
   */
  openAppend(path: string, options?: { readonly reserve?: boolean }): Promise<AppendFile>;
}

export interface AppendFile {
  /** Writes every byte or rejects; then any part may have been written. Durable after `sync`. */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export const nodeDisk: Disk = {
  async openAppend(path, { reserve = false } = {}) {
    const file = reserve ? await ReservedFile.open(path) : await Descriptor.open(path, constants.O_WRONLY | constants.O_APPEND);
    try {
      await syncDirectory(dirname(path));
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  },
};

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
