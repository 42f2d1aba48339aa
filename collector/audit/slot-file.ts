import { open, type FileHandle } from "node:fs/promises";
import { LineBuffer, lineHolds, lineJson } from "./line.ts";

/**
 * A small value that can still be written when the disk is full: its file has its whole size from the beginning and is
 * written over in place, in two halves by turns, so that a crash in the middle leaves the value before.
 */
export class SlotFile {
  readonly #file: FileHandle;
  readonly #slotBytes: number;
  #turn: number;

  private constructor(file: FileHandle, slotBytes: number, turn: number) {
    this.#file = file;
    this.#slotBytes = slotBytes;
    this.#turn = turn;
  }

  static async open(path: string, slotBytes: number): Promise<{ file: SlotFile; value: unknown }> {
    const file = await open(path, "a", 0o600).then((made) => made.close()).then(() => open(path, "r+"));
    try {
      const { size } = await file.stat();
      if (size < 2 * slotBytes) await file.write(Buffer.alloc(2 * slotBytes - size, " "), 0, 2 * slotBytes - size, size);
      await file.sync();
      const { turn, value } = newest(await readAll(file, 2 * slotBytes), slotBytes);
      return { file: new SlotFile(file, slotBytes, turn), value };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What is in a file that another process may be writing to; null where there is none. */
  static async read(path: string, slotBytes: number): Promise<unknown> {
    try {
      const file = await open(path, "r");
      try {
        return newest(await readAll(file, 2 * slotBytes), slotBytes).value;
      } finally {
        await file.close();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  /** Durable when it resolves. One at a time. Throws for a value that is larger than a slot. */
  async write(value: unknown): Promise<void> {
    const line = new LineBuffer();
    const turn = this.#turn + 1;
    line.add((out) => out.text(JSON.stringify({ turn, value })));
    const { bytes } = line;
    if (bytes.length > this.#slotBytes) throw new RangeError(`${bytes.length} bytes do not fit into a slot of ${this.#slotBytes}`);
    await this.#file.write(bytes, 0, bytes.length, (turn % 2) * this.#slotBytes);
    await this.#file.datasync();
    this.#turn = turn;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function readAll(file: FileHandle, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}

function newest(bytes: Buffer, slotBytes: number): { turn: number; value: unknown } {
  let found: { turn: number; value: unknown } = { turn: 0, value: null };
  for (const slot of [bytes.subarray(0, slotBytes), bytes.subarray(slotBytes)]) {
    const end = slot.indexOf(0x0a);
    const line = slot.subarray(0, Math.max(0, end));
    if (!lineHolds(line)) continue;
    const read = JSON.parse(lineJson(line)) as { turn: number; value: unknown };
    if (read.turn > found.turn) found = read;
  }
  return found;
}
