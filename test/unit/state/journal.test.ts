import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { nodeDisk, type AppendFile, type Disk } from "../../../collector/audit/disk.ts";
import type { ControlEntry } from "../../../proxy/state/control-event.ts";
import { openJournal, readEntries, type Journal } from "../../../proxy/state/journal.ts";
import { scratch, stopEntry } from "./scratch.ts";

let journal: Journal | undefined;
afterEach(async () => {
  await journal?.close();
  journal = undefined;
});

async function open(dir: string, disk?: Disk): Promise<ControlEntry[]> {
  const replayed: ControlEntry[] = [];
  journal = await openJournal({ dir, replay: (entry) => replayed.push(entry), ...(disk ? { disk } : {}) });
  return replayed;
}

async function reopen(dir: string): Promise<ControlEntry[]> {
  await journal?.close();
  return open(dir);
}

/** A journal of three entries, closed. */
async function three(): Promise<{ dir: string; file: string; entries: ControlEntry[] }> {
  const dir = join(scratch(), "control");
  await open(dir);
  const entries = [1, 2, 3].map(stopEntry);
  await journal!.append(entries.slice(0, 1));
  await journal!.append(entries.slice(1));
  await journal!.close();
  return { dir, file: join(dir, "journal.ndjson"), entries };
}

describe("a journal", () => {
  it("begins empty in a folder that need not be there, and only its owner reads it", async () => {
    const dir = join(scratch(), "control");
    expect(await open(dir)).toEqual([]);
    expect(journal!.end).toEqual({ seq: 0, offset: 0 });
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, "journal.ndjson")).mode & 0o777).toBe(0o600);
  });

  it("replays what was appended, in order, and goes on behind it under the same id", async () => {
    const { dir, entries } = await three();
    expect(await open(dir)).toEqual(entries);
    const { id } = journal!;
    await journal!.append([stopEntry(4)]);
    expect((await reopen(dir)).map((e) => e.seq)).toEqual([1, 2, 3, 4]);
    expect(journal!.id).toBe(id);
    expect(id).toMatch(/^ct-/);
  });

  it("belongs to one process at a time", async () => {
    const { dir } = await three();
    await open(dir);
    await expect(openJournal({ dir, replay: () => {} })).rejects.toMatchObject({ code: "E_LOCKED" });
  });

  it.each([1, 5, 40])("drops a last line that was cut off %i bytes early, and writes on from there", async (bytes) => {
    const { dir, file } = await three();
    truncateSync(file, statSync(file).size - bytes);
    expect((await open(dir)).map((e) => e.seq)).toEqual([1, 2]);
    await journal!.append([stopEntry(3)]);
    expect((await reopen(dir)).map((e) => e.seq)).toEqual([1, 2, 3]);
  });

  it("drops zeros that a crash left at the end", async () => {
    const { dir, file } = await three();
    appendFileSync(file, Buffer.alloc(4096));
    expect(await open(dir)).toHaveLength(3);
    expect(journal!.end.offset).toBe(statSync(file).size);
  });

  const damages: [string, (lines: string[]) => string[], string][] = [
    ["a changed letter in the middle", ([a, b, ...rest]) => [a!, b!.replace("agent-2", "agent-9"), ...rest], ":2: this line does not match its checksum"],
    ["a changed letter in the last whole line", ([a, b, c]) => [a!, b!, c!.replace("test", "best")], ":3: this line does not match its checksum"],
    ["a missing line", ([a, , c]) => [a!, c!], ":2: this line holds entry 3"],
    ["an empty line", ([a, ...rest]) => [a!, "", ...rest], ":2: this line does not match its checksum"],
    ["an event of another version", (lines) => [...lines, '7bb64da8 {"seq":4}'], ":4: this line"],
  ];
  it.each(damages)("refuses %s, with its line", async (_name, damage, message) => {
    const { dir, file } = await three();
    writeFileSync(file, damage(readFileSync(file, "utf8").trimEnd().split("\n")).map((line) => `${line}\n`).join(""));
    await expect(open(dir)).rejects.toMatchObject({ code: "E_CONTROL_JOURNAL", message: expect.stringContaining(message) });
    // Refused, it is left to others, and untouched.
    await expect(open(dir)).rejects.toMatchObject({ code: "E_CONTROL_JOURNAL" });
  });

  it("is read in parts from any position, up to where it is durable", async () => {
    const dir = scratch();
    await open(dir);
    const many = Array.from({ length: 5000 }, (_, i) => stopEntry(i + 1));
    await journal!.append(many.slice(0, 4000));
    const { end } = journal!;
    await journal!.append(many.slice(4000));
    const parts = [];
    for await (const part of readEntries(journal!.path, { seq: 0, offset: 0 }, end.offset)) parts.push(part);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.flatMap((p) => p.entries)).toEqual(many.slice(0, 4000));
    const rest = [];
    for await (const part of readEntries(journal!.path, parts[0]!.position)) rest.push(...part.entries);
    expect(rest).toEqual(many.slice(parts[0]!.position.seq));
  });

  it("after a write that failed half-way holds what it held before, and can be written again", async () => {
    const dir = scratch();
    let failing = false;
    const flaky: Disk = {
      async openAppend(path) {
        const file = await nodeDisk.openAppend(path);
        return {
          sync: () => file.sync(),
          truncate: (length) => file.truncate(length),
          close: () => file.close(),
          async write(bytes) {
            if (!failing) return file.write(bytes);
            await file.write(bytes.subarray(0, bytes.length / 2));
            throw new Error("no space left on device");
          },
        } satisfies AppendFile;
      },
    };
    await open(dir, flaky);
    await journal!.append([stopEntry(1)]);
    failing = true;
    await expect(journal!.append([stopEntry(2)])).rejects.toThrow("no space left");
    failing = false;
    const replayed: number[] = [];
    await journal!.recover((entry) => replayed.push(entry.seq));
    await journal!.append([stopEntry(2)]);
    expect(replayed).toEqual([1]);
    expect((await reopen(dir)).map((e) => e.seq)).toEqual([1, 2]);
  });
});
