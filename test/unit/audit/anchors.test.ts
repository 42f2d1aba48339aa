import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Anchor } from "../../../collector/audit/anchor/anchor.ts";
import { createAnchor } from "../../../collector/audit/anchor/create.ts";
import { openOutbox, type OutboxOptions } from "../../../collector/audit/anchor/outbox.ts";
import type { LogEntry } from "../../../collector/audit/checkpoint/entry.ts";
import { openCheckpointLog, type CheckpointLog } from "../../../collector/audit/checkpoint/log.ts";
import { auditConfigSchema } from "../../../collector/audit/config.ts";
import { verifyLog } from "../../../collector/audit/verify-checkpoints.ts";
import { Findings } from "../../../collector/audit/verify-report.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { waitFor } from "../../support/wait.ts";
import { START_MS, tempDir } from "./spools.ts";

const run = promisify(execFile);

async function logOf(checkpoints: number): Promise<CheckpointLog> {
  const log = await openCheckpointLog(await tempDir(), manualClock(START_MS));
  await sign(log, checkpoints);
  return log;
}

async function sign(log: CheckpointLog, checkpoints: number): Promise<void> {
  for (let n = 0; n < checkpoints; n++) {
    await log.checkpoint(async ({ heads }) => {
      const seq = (heads.get("px-1")?.seq ?? 0) + 1;
      const hash = (of: number): string => String(of).padStart(64, "0");
      return { producer: "px-1", first_seq: String(seq), last_seq: String(seq), first_previous_hash: hash(seq - 1), head_hash: hash(seq), merkle_root: hash(seq) };
    });
  }
}

async function outboxOf(log: CheckpointLog, anchor: Anchor, options: Partial<OutboxOptions> = {}) {
  const outbox = await openOutbox({ anchor, logFile: log.file, dir: join(log.dir, "outbox"), logger: silentLogger, random: () => 0, ...options });
  onTestFinished(() => outbox.stop());
  return outbox;
}

/** Remembers what it was given; fails while `down`. */
function memoryAnchor() {
  const kept: string[] = [];
  const anchor = {
    name: "memory",
    down: false,
    kept,
    async keep(entries: readonly LogEntry[]) {
      if (anchor.down) throw new Error("it is away");
      kept.push(...entries.map((entry) => entry.event_id.split("-").at(-1)!));
    },
  };
  return anchor;
}

describe("an outbox", () => {
  test("brings all entries in order, and goes on after a restart where it was", async () => {
    const log = await logOf(3);
    const anchor = memoryAnchor();
    const outbox = await outboxOf(log, anchor, { batch: 2 });
    await outbox.settled();
    await outbox.stop();
    await sign(log, 1);
    const again = await outboxOf(log, anchor);
    await again.settled();
    expect(anchor.kept).toEqual(["1", "2", "3", "4", "5"]);
    expect(again.state).toMatchObject({ index: 5, failures: 0, skipped: 0, lastError: "" });
  });

  test("counts failures, says the last one, tries again by itself, and forgets them when the anchor is back", async () => {
    const log = await logOf(1);
    const anchor = memoryAnchor();
    anchor.down = true;
    const outbox = await outboxOf(log, anchor);
    await outbox.settled();
    expect(outbox.state).toMatchObject({ index: 0, failures: 1, lastError: "it is away" });
    anchor.down = false;
    await waitFor("the retry", () => outbox.state.index === 2, { everyMs: 5 });
    expect(outbox.state.failures).toBe(0);
    expect(anchor.kept).toEqual(["1", "2"]);
  });

  test("leaves out the oldest when too many wait, and counts them: the ones behind vouch for them", async () => {
    const log = await logOf(6);
    const anchor = memoryAnchor();
    const outbox = await outboxOf(log, anchor, { maxWaiting: 2 });
    await outbox.settled();
    expect(anchor.kept).toEqual(["6", "7"]);
    expect(outbox.state).toMatchObject({ skipped: 5, index: 7 });
  });
});

const anchorOf = (config: object, baseDir = "/", env: Record<string, string> = {}): Anchor => createAnchor(auditConfigSchema.parse({ anchors: [config] }).anchors[0]!, baseDir, env);

async function problems(logFile: string, trusted: string | null): Promise<string[]> {
  const findings = new Findings(10);
  const { entries } = await verifyLog({ logFile, trusted }, findings);
  return entries.length === 0 ? ["nothing"] : findings.failures.map((f) => f.what);
}

describe("the file anchor", () => {
  test("is a copy that verifies like the log", async () => {
    const log = await logOf(2);
    const path = join(await tempDir(), "elsewhere", "copy.ndjson");
    await (await outboxOf(log, anchorOf({ kind: "file", path }))).settled();
    expect(await readFile(path, "utf8")).toBe(await readFile(log.file, "utf8"));
    expect(await problems(path, null)).toEqual([]);
  });

  test("verifies from its middle on for who trusts a key", async () => {
    const log = await logOf(4);
    const path = join(await tempDir(), "copy.ndjson");
    await (await outboxOf(log, anchorOf({ kind: "file", path }), { maxWaiting: 2 })).settled();
    expect(await problems(path, (await log.state()).keys[0]!.public_key)).toEqual([]);
    expect(await problems(path, null)).not.toEqual([]);
  });
});

test("the HTTP anchor posts entry by entry, and again what was not taken", async () => {
  const bodies: string[] = [];
  let status = 503;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      if (status === 201) bodies.push(body);
      response.writeHead(status).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const log = await logOf(2);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/anchor?for=us`;
  const outbox = await outboxOf(log, anchorOf({ kind: "http", url }));
  await outbox.settled();
  expect(outbox.state).toMatchObject({ index: 0, failures: 1, lastError: expect.stringContaining("answered 503") });
  status = 201;
  await waitFor("the retry", () => outbox.state.index === 3, { everyMs: 5 });
  expect(bodies.map((body) => `${body}\n`).join("")).toBe(await readFile(log.file, "utf8"));
  expect(outbox.state.anchor).not.toContain("for=us");
});

describe("the credential of an HTTP anchor", () => {
  const url = "https://anchor.example.com/checkpoints";

  test("is what the variable or the file holds, and the file's new content without a restart", async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      request.resume().on("end", () => response.writeHead(204).end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const dir = await tempDir();
    const entry = {} as LogEntry;
    await anchorOf({ kind: "http", url: here, credential: "${env:TOKEN}" }, dir, { TOKEN: "one" }).keep([entry]);
    const fromFile = anchorOf({ kind: "http", url: here, credential: "${file:anchor.token}" }, dir);
    await writeFile(join(dir, "anchor.token"), "two\n");
    await fromFile.keep([entry, entry]);
    await writeFile(join(dir, "anchor.token"), "three\n");
    await fromFile.keep([entry]);
    await anchorOf({ kind: "http", url: here }, dir).keep([entry]);
    expect(seen).toEqual(["Bearer one", "Bearer two", "Bearer two", "Bearer three", undefined]);
  });

  test("that is missing is named by its place: a variable at the start, a file when it is needed", async () => {
    const dir = await tempDir();
    expect(() => anchorOf({ kind: "http", url, credential: "${env:TOKEN}" }, dir)).toThrow("the environment variable TOKEN is missing or empty");
    await expect(anchorOf({ kind: "http", url, credential: "${file:none}" }, dir).keep([])).rejects.toThrow("the file none is missing or empty");
  });

  test("that cannot be a token is not part of the error", () => {
    const make = (): Anchor => anchorOf({ kind: "http", url, credential: "${env:TOKEN}" }, "/", { TOKEN: "hush hush" });
    expect(make).toThrow("more than one word");
    expect(make).not.toThrow("hush");
  });

  test.each([
    [{ url, credential: "hush" }, "names where the credential is"],
    [{ url: "http://anchor.example.com/", credential: "${env:TOKEN}" }, "must be https"],
    [{ url: "http://localhost.example.com/", credential: "${env:TOKEN}" }, "must be https"],
    [{ url: "http://127.0.0.1:x@example.com/", credential: "${env:TOKEN}" }, "must be https"],
  ])("is refused in %j", (config, why) => {
    expect(() => anchorOf({ kind: "http", ...config })).toThrow(why);
  });
});

describe("the git note anchor", () => {
  test("appends to the note of the repository's last commit, whose history keeps each state", async () => {
    const repository = await tempDir();
    const git = async (...args: string[]): Promise<string> => (await run("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args])).stdout;
    await git("init", "-q");
    await writeFile(join(repository, "file"), "text");
    await git("add", "file");
    await git("commit", "-qm", "first");
    const log = await logOf(1);
    const outbox = await outboxOf(log, anchorOf({ kind: "git-note", repository }));
    await outbox.settled();
    await sign(log, 1);
    await outbox.settled();
    expect(outbox.state).toMatchObject({ index: 3, lastError: "" });
    const note = (await git("notes", "--ref", "refs/notes/signalbox", "show", "HEAD")).split("\n").filter((line) => line !== "");
    expect(note).toEqual((await readFile(log.file, "utf8")).trimEnd().split("\n"));
    expect((await git("log", "--oneline", "refs/notes/signalbox")).trim().split("\n")).toHaveLength(2);
  });

  test("says in one line what is wrong with the repository", async () => {
    const repository = await tempDir();
    await mkdir(join(repository, "not-one"));
    const outbox = await outboxOf(await logOf(0), anchorOf({ kind: "git-note", repository: join(repository, "not-one") }));
    await outbox.settled();
    expect(outbox.state.lastError).toMatch(/^git took no note in .*not-one: [^\n]+$/);
  });
});
