import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { silentLogger } from "../../../collector/kernel/log.ts";
import type { ControlEvent } from "../../../proxy/state/control-event.ts";
import { openJournal, type Journal } from "../../../proxy/state/journal.ts";
import { createEventPublisher, subjectOf, toRow, type EventPublisher } from "../../../proxy/state/publish-events.ts";
import { waitFor } from "../../support/wait.ts";
import { aTask, scratch, stopEntry } from "./scratch.ts";

let journal: Journal;
let publisher: EventPublisher | undefined;
afterEach(async () => {
  await publisher?.stop();
  await journal.close();
});

const inserted: { seqs: number[]; token: string | undefined }[] = [];
let away = false;
let refused = 0;
const store = {
  insert(_table: string, rows: readonly object[], options?: { deduplicationToken?: string }): Promise<void> {
    if (away) {
      refused++;
      return Promise.reject(new Error("nobody there"));
    }
    inserted.push({ seqs: (rows as { seq: number }[]).map((r) => r.seq), token: options?.deduplicationToken });
    return Promise.resolve();
  },
};

async function start(dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  publisher = createEventPublisher({ store, journal, cursorFile: join(dir, "published.json"), logger: silentLogger });
}
const all = (count: number) => waitFor("the rows", () => inserted.flatMap((i) => i.seqs).length >= count, { everyMs: 5 });

it("everything in the journal arrives in order, also what came while the store was away, and nothing again after a start", async () => {
  const dir = scratch();
  inserted.length = 0;
  journal = await openJournal({ dir, replay: () => {} });
  await journal.append([1, 2].map(stopEntry));
  away = true;
  await start(dir);
  await waitFor("an attempt", () => refused > 0, { everyMs: 5 });
  await journal.append([stopEntry(3)]);
  away = false;
  await all(3);
  await publisher!.stop();
  expect(inserted.flatMap((i) => i.seqs)).toEqual([1, 2, 3]);
  expect(inserted[0]!.token).toBe(`control ${journal.id} 1-3`);
  await start(dir);
  await journal.append([stopEntry(4)]);
  publisher!.wake();
  await all(4);
  expect(inserted.flatMap((i) => i.seqs)).toEqual([1, 2, 3, 4]);
});

it.each(["", "{}", '{"seq":99,"offset":99999}', "nonsense"])("a cursor that says %j starts over", async (text) => {
  const dir = scratch();
  inserted.length = 0;
  writeFileSync(join(dir, "published.json"), text);
  journal = await openJournal({ dir, replay: () => {} });
  await journal.append([1, 2].map(stopEntry));
  await start(dir);
  await all(2);
  await publisher!.stop();
  expect(JSON.parse(readFileSync(join(dir, "published.json"), "utf8"))).toEqual(journal.end);
});

it("a row names what the event is about, and holds no hash of a token", () => {
  const opened: ControlEvent = { kind: "task.opened", task: aTask() };
  expect(toRow("ct-1", { seq: 1, atMs: 0, by: "ops", event: opened })).toEqual({
    journal: "ct-1",
    seq: 1,
    at: "1970-01-01T00:00:00.000Z",
    kind: "task.opened",
    subject: "tk-1",
    by: "ops",
    json: expect.not.stringContaining("tokenHash") as string,
  });
  expect(subjectOf({ kind: "tool.approved", server: "files", tool: "read", hash: "h", reason: "" })).toBe("files/read");
});
