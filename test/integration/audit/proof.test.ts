import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ALL_KEPT } from "../../../collector/audit/kept.ts";
import { auditDir, logFile } from "../../../collector/audit/checkpoint/files.ts";
import { openCheckpointLog } from "../../../collector/audit/checkpoint/log.ts";
import { proofProblem, proofSchema, type Proof } from "../../../collector/audit/checkpoint/proof.ts";
import { auditConfigSchema } from "../../../collector/audit/config.ts";
import { startExporter } from "../../../collector/audit/exporter.ts";
import { listSegments } from "../../../collector/audit/layout.ts";
import { startNotary } from "../../../collector/audit/notary.ts";
import { prove } from "../../../collector/audit/prove.ts";
import { openSpool, type Spool } from "../../../collector/audit/spool.ts";
import { readChains } from "../../../collector/audit/verify-chains.ts";
import { manualClock, systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { checkIndependently } from "../../support/check-proof.ts";
import { signalbox } from "../../support/run-command.ts";
import { waitFor } from "../../support/wait.ts";
import { draft } from "../../unit/audit/drafts.ts";
import { editFile, START_MS } from "../../unit/audit/spools.ts";
import { startRegister, type Register } from "./register.ts";

let register: Register;
beforeAll(async () => {
  register = await startRegister();
});
afterAll(() => register.stop());

/** Null where the proof holds. */
const independently = (file: string, publicKey: string): Promise<string | null> => checkIndependently(file, publicKey).then(() => null, (error: Error) => error.message);

/** A data directory with one worker's spool, its notary, and the way into the register. */
async function installation() {
  const dataDir = await mkdtemp(join(tmpdir(), "signalbox-proof-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const spoolDir = join(dataDir, "spool", "worker-0");
  const clock = manualClock(START_MS);
  const notary = await startNotary({ dataDir, baseDir: dataDir, env: {}, config: auditConfigSchema.parse({ checkpointMs: 3_600_000 }), store: register.store, clock, logger: silentLogger });
  onTestFinished(() => notary.stop());
  const record = async (from: number, to: number, after?: (spool: Spool) => Promise<void>): Promise<string> => {
    const spool = await openSpool({ dir: spoolDir, producerPrefix: "px", clock: systemClock, logger: silentLogger, maxBytes: 1e9 });
    for (let n = from; n <= to; n++) spool.append(draft(n));
    await (after ?? register.deliver)(spool);
    await spool.stop();
    return spool.producer;
  };
  /** Records, delivers and signs so many calls, minute by minute. */
  const work = async (...parts: number[]): Promise<string> => {
    let [n, producer] = [0, ""];
    for (const part of parts) {
      producer = await record(n + 1, n + part);
      n += part;
      clock.advanceMs(60_000);
      await notary.run();
    }
    return producer;
  };
  const audit = auditDir(dataDir);
  const log = await openCheckpointLog(audit, clock);
  const publicKey = (await log.state()).keys.at(-1)!.public_key;
  const check = (scope: { sinceMs?: number; producer: string }) => register.check([spoolDir], { audit, ...scope });
  return { dataDir, spoolDir, audit, clock, notary, log, publicKey, record, work, check };
}

async function mutate(statement: string): Promise<void> {
  await register.store.command(`ALTER TABLE ${statement}`);
  await waitFor("the mutation", async () => {
    const [row] = await register.store.query<{ open: number }>("SELECT toUInt32(countIf(NOT is_done)) AS open FROM system.mutations");
    return row?.open === 0;
  });
}

const spanOf = (producer: string, seq: string | number) => `SpanAttributes['signalbox.audit.producer'] = '${producer}' AND SpanAttributes['signalbox.audit.seq'] = '${seq}'`;

describe("a proof of one call", () => {
  test("holds for the command and for a script that knows nothing of Signalbox, whichever call and whichever key of the log", async () => {
    const { dataDir, audit, log, publicKey, work } = await installation();
    const producer = await work(5, 1, 8);
    const { public_key } = await log.rotate();
    const file = join(dataDir, "proof.json");
    for (const seq of [1, 3, 5, 6, 7, 14]) {
      const proof = await prove({ store: register.store, logFile: logFile(audit), call: `${producer}-${seq}` });
      await writeFile(file, JSON.stringify(proof));
      for (const key of [publicKey, public_key]) {
        expect(proofProblem(proof, key)).toBeNull();
        expect(await independently(file, key), `${seq}`).toBeNull();
      }
    }
    const env = { SIGNALBOX_DATA_DIR: dataDir };
    const out = join(dataDir, "by-command.json");
    const made = await signalbox(["audit", "prove", `${producer}-9`, "--out", out, "--store-url", register.storeUrl], { cwd: dataDir, env });
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining("one of 8 records under checkpoint cl-") });
    const key = (await signalbox(["audit", "keys", "export"], { cwd: dataDir, env })).stdout.trim();
    expect(key).toBe(public_key);
    expect(await signalbox(["audit", "check-proof", out, "--key", publicKey], { cwd: dataDir })).toMatchObject({ code: 0, stdout: expect.stringContaining("with 7 others") });
    expect(await independently(out, key)).toBeNull();
    await editFile(out, (text) => text.replace("billing-agent", "billing-agant"));
    expect(await signalbox(["audit", "check-proof", out, "--key", publicKey], { cwd: dataDir })).toMatchObject({ code: 1, stderr: expect.stringContaining("proves nothing: the record's hash") });
  });

  test("is refused by both as soon as anything in it was changed, and by who trusts another key", async () => {
    const { dataDir, audit, log, publicKey, work } = await installation();
    const producer = await work(6);
    await log.rotate();
    const proof = await prove({ store: register.store, logFile: logFile(audit), call: `${producer}-4` });
    const file = join(dataDir, "proof.json");
    const refused = async (forged: unknown, what: string): Promise<void> => {
      const parsed = proofSchema.safeParse(forged);
      expect(parsed.success ? proofProblem(parsed.data, publicKey) : "no proof", what).not.toBeNull();
      await writeFile(file, JSON.stringify(forged));
      expect(await independently(file, publicKey), what).not.toBeNull();
    };
    // One process a forgery is slow, so of the many attributes some are taken; every other member is.
    const all = leavesOf(proof).filter(([path]) => path[0] !== "form" || Number(path[1]) % 8 === 0);
    expect(all.length).toBeGreaterThan(40);
    for (const [path, value] of all) await refused(withLeaf(proof, path, flipped(value)), path.join("."));
    await refused({ ...proof, path: proof.path.slice(1) }, "a shorter path");
    await refused({ ...proof, path: [...proof.path, proof.path[0]] }, "a longer path");
    await refused({ ...proof, keys: proof.keys.slice(1) }, "without the first key");
    await refused({ ...proof, note: "trust me" }, "a member more");
    const stranger = (await installation()).publicKey;
    await writeFile(file, JSON.stringify(proof));
    expect(proofProblem(proof, stranger)).toContain("trusted");
    expect(await independently(file, stranger)).toContain("trusted");
  }, 240_000);

  test("is not to be had of a call that is not signed, not stored, or not as it was signed", async () => {
    const { audit, record, work } = await installation();
    const producer = await work(3);
    await record(4, 4);
    const of = (seq: number) => prove({ store: register.store, logFile: logFile(audit), call: `${producer}-${seq}` });
    await expect(of(4)).rejects.toMatchObject({ code: "E_AUDIT_PROOF", message: expect.stringContaining("no checkpoint covers") });
    await mutate(`otel_traces UPDATE SpanAttributes = mapUpdate(SpanAttributes, map('signalbox.audit.hash', repeat('a', 64))) WHERE ${spanOf(producer, 2)}`);
    await expect(of(1)).rejects.toMatchObject({ message: expect.stringContaining("not the ones that checkpoint") });
    await mutate(`otel_traces DELETE WHERE ${spanOf(producer, 2)}`);
    await expect(of(2)).rejects.toMatchObject({ message: expect.stringContaining("is not in the store") });
    await expect(of(1)).rejects.toMatchObject({ message: expect.stringContaining("1 of the 3 records under checkpoint"), remedy: expect.stringContaining("retention") });
  });
});

type Path = readonly (string | number)[];

/** Every text in a value, with the way to it. */
function leavesOf(value: unknown, path: Path = []): [Path, string][] {
  if (typeof value === "string") return [[path, value]];
  return Object.entries(value ?? {}).flatMap(([key, member]) => leavesOf(member, [...path, Array.isArray(value) ? Number(key) : key]));
}

function withLeaf(proof: Proof, path: Path, value: string): unknown {
  const copy = structuredClone(proof) as never;
  const holder = path.slice(0, -1).reduce<Record<string | number, never>>((at, key) => at[key]!, copy);
  holder[path.at(-1)!] = value as never;
  return copy;
}

/** The same with one character changed so that it may still stand there. */
function flipped(value: string): string {
  const at = Math.max(0, value.search(/[0-9a-zA-Z][^0-9a-zA-Z]*$/));
  return value === "" ? "x" : value.slice(0, at) + (value[at] === "3" ? "4" : "3") + value.slice(at + 1);
}

describe("a signed register", () => {
  test("verifies as a whole, and from its last checkpoint before a time on", async () => {
    const { clock, work, record, check } = await installation();
    const producer = await work(4, 4, 4);
    await record(13, 14);
    const whole = await check({ producer });
    expect(whole.failures).toEqual([]);
    expect(whole).toMatchObject({ checkpoints: 3, storedRecords: 14 });
    expect(whole.notes).toContain(`${producer}: 2 records from ${producer}-13 on are not signed yet`);
    const since = await check({ producer, sinceMs: clock.nowMs() - 30_000 });
    expect(since.failures).toEqual([]);
    expect(since.storedRecords).toBe(6);
    expect(since.notes).toContain(`${producer}: the rows that were checked start at ${producer}-9`);
  });

  test("adds up, so that no row has to be looked at alone", async () => {
    const { work } = await installation();
    const producer = await work(40);
    const { blocks, callContents } = await readChains(register.store, { sinceMs: null, producer, kept: ALL_KEPT, starts: new Map() }, []);
    const all = blocks.get(producer)!;
    expect(all.map((block) => [block.records, block.sound])).toEqual([[40, true]]);
    expect([...callContents.values()].map((row) => row.contents)).toEqual(all.map((block) => block.contents));
  });

  test("names the record whose row was changed", async () => {
    const { work, check } = await installation();
    const producer = await work(3, 3);
    await mutate(`otel_traces UPDATE SpanAttributes = mapUpdate(SpanAttributes, map('signalbox.agent', 'nobody')) WHERE ${spanOf(producer, 5)}`);
    const { failures } = await check({ producer });
    expect(failures).toContainEqual({ check: "rows", record: `${producer}-5`, what: expect.stringContaining("its row was changed") });
  });

  test("names the last signed record when the last rows were removed, cursor and all", async () => {
    const { spoolDir, work, check } = await installation();
    const producer = await work(4, 3);
    const [row] = await register.store.query<{ hash: string }>(`SELECT SpanAttributes['signalbox.audit.hash'] AS hash FROM otel_traces WHERE ${spanOf(producer, 5)} AND SpanKind = 'Server'`);
    for (const table of ["otel_traces DELETE WHERE toUInt64OrZero(SpanAttributes['signalbox.audit.seq']) > 5 AND SpanAttributes['signalbox.audit.producer']", "calls DELETE WHERE seq > 5 AND producer"]) await mutate(`${table} = '${producer}'`);
    // Whoever can also write on the producer's machine makes its spool say that there never was more.
    await writeFile(join(spoolDir, "cursor.json"), JSON.stringify({ acked: { seq: 5, hash: row!.hash }, sending: null }));
    for (const { path } of await listSegments(spoolDir)) await rm(path);
    const { failures } = await check({ producer });
    // The hashes that were kept for the next checkpoint say it as well.
    expect(failures).toEqual([
      { check: "spool", record: `${producer}-6`, what: expect.stringContaining(`to ${producer}-7 are missing`) },
      { check: "checkpoints", record: `${producer}-7`, what: expect.stringContaining("no such record, its last is 5") },
    ]);
  });

  test("names the range in which records were written anew as a whole chain", async () => {
    const { spoolDir, work, record, check } = await installation();
    const producer = await work(4, 3);
    const { failures: before } = await check({ producer });
    expect(before).toEqual([]);
    for (const table of ["otel_traces DELETE WHERE SpanAttributes['signalbox.audit.producer']", "calls DELETE WHERE producer"]) await mutate(`${table} = '${producer}'`);
    await rename(join(spoolDir, "producer"), `${spoolDir}.producer`);
    await rm(spoolDir, { recursive: true });
    await mkdir(spoolDir);
    await rename(`${spoolDir}.producer`, join(spoolDir, "producer"));
    await record(101, 107);
    const { failures } = await check({ producer });
    expect(failures.filter((f) => f.check === "rows" || f.check === "calls" || f.check === "join")).toEqual([]);
    expect(failures).toContainEqual({ check: "checkpoints", record: `${producer}-4`, what: expect.stringContaining("was signed over hash") });
    expect(failures).toContainEqual({ check: "checkpoints", record: `${producer}-7`, what: expect.stringContaining("was signed over hash") });
  });

  test("names a line of the spool that was changed, before it was delivered", async () => {
    const { spoolDir, work, record, check } = await installation();
    const producer = await work(2);
    await record(3, 5, (spool) => spool.flush());
    const [segment] = (await listSegments(spoolDir)).slice(-1);
    await editFile(segment!.path, (text) =>
      text.split("\n").map((line) => {
        if (!line.includes(`"rpcId":"4"`)) return line;
        const json = line.slice(9).replace("billing-agent", "nobody");
        return `${crc32(json).toString(16).padStart(8, "0")} ${json}`;
      }).join("\n"),
    );
    expect((await check({ producer })).failures).toEqual([{ check: "spool", record: `${producer}-4`, what: expect.stringContaining("its content has") }]);
  });

  test("does not call signed records lost that wait in the spool for a collector", async () => {
    const { work, record, notary, check } = await installation();
    const producer = await work(2);
    await record(3, 5, (spool) => spool.flush());
    await notary.run();
    const report = await check({ producer });
    expect(report).toMatchObject({ failures: [], checkpoints: 2 });
  });

  test("names the checkpoint that was changed, removed, or exists in the store alone", async () => {
    const { audit, work, check } = await installation();
    const producer = await work(2, 2, 2);
    const text = await readFile(logFile(audit), "utf8");
    const lines = text.trimEnd().split("\n");
    const ids = lines.map((line) => (JSON.parse(line) as { event_id: string }).event_id);
    const failuresWith = async (changed: string): Promise<string[]> => {
      await writeFile(logFile(audit), changed);
      const { failures } = await check({ producer });
      return failures.filter((f) => f.check === "checkpoints").map((f) => `${f.record} ${f.what}`);
    };
    expect(await failuresWith(text)).toEqual([]);
    expect(await failuresWith(text.replace('"last_seq":"4"', '"last_seq":"3"'))).toContainEqual(expect.stringContaining(`${ids[2]} its hash is not`));
    expect(await failuresWith(lines.filter((_, i) => i !== 2).join("\n") + "\n")).toContainEqual(expect.stringContaining(`${ids[3]} it follows ${ids[1]}`));
    expect(await failuresWith(lines.slice(0, 3).join("\n") + "\n")).toContainEqual(`${ids[3]} the store has it, and the log ends before it`);
    await writeFile(logFile(audit), text);
    await mutate(`audit_checkpoints UPDATE event_hash = repeat('b', 64) WHERE producer = '${producer}' AND last_seq = 4`);
    expect(await failuresWith(text)).toContainEqual(expect.stringContaining(`${ids[2]} the store's copy has hash`));
    await mutate(`audit_checkpoints DELETE WHERE producer = '${producer}' AND last_seq = 4`);
    expect(await failuresWith(text)).toEqual([`${ids[2]} the store had it, and has it no more`]);
  });

  test("says which anchor is behind, and why", async () => {
    const { dataDir, clock, work, check } = await installation();
    const producer = await work(1);
    const { anchors } = auditConfigSchema.parse({ anchors: [{ kind: "git-note", repository: dataDir }] });
    const second = await startNotary({ dataDir, baseDir: dataDir, env: {}, config: { checkpointMs: 3_600_000, anchors }, store: register.store, clock, logger: silentLogger });
    await second.run();
    await second.stop();
    const report = await check({ producer });
    expect(report.notes).toContainEqual(expect.stringMatching(/^anchor git-note .* is 2 entries behind: git took no note in /));
    const rows = await register.store.query<{ failures: number; last_error: string }>("SELECT failures, last_error FROM audit_anchors WHERE anchor LIKE 'git-note%' AND failures > 0 LIMIT 1");
    expect(rows).toEqual([{ failures: expect.any(Number), last_error: expect.stringContaining("git took no note") }]);
  });
});

test("an exporter that is away does not keep records from being signed", async () => {
  const { record, notary, log } = await installation();
  const producer = await record(1, 3, async (spool) => {
    const exporter = startExporter({ spool, endpoint: "http://127.0.0.1:1", logger: silentLogger, flushMs: 1 });
    await spool.flush();
    await waitFor("a failed attempt", () => exporter.stats.retries > 0, { everyMs: 2 });
    await exporter.stop({ deadlineMs: 1 });
  });
  await notary.run();
  expect((await log.state()).heads.get(producer)?.seq).toBe(3);
});
