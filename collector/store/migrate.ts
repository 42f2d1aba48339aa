import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { systemClock, type Clock } from "../kernel/clock.ts";
import { SignalboxError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/log.ts";
import type { Store } from "./client.ts";
import { replicated } from "./replicate.ts";
import { placeholders, splitStatements, type SqlParams } from "./sql-file.ts";

/** One numbered file, `0007_add_decision_reason.sql`. */
export interface Migration {
  version: number;
  name: string;
  text: string;
  /** SHA-256 of the text, with line ends as `\n`. */
  checksum: string;
}

export interface AppliedMigration {
  version: number;
  name: string;
  checksum: string;
}

export interface MigrateOptions {
  store: Store;
  /** A folder of `.sql` files, as a file URL. */
  folder: URL;
  /** Values for the placeholders of all files; each statement gets those that it names. */
  params?: SqlParams;
  /** Makes replicated tables of all; the files and their checksums are the same. */
  replicate?: boolean;
  logger: Logger;
  clock?: Clock;
  /** How long to wait for another process that is migrating. */
  lockTimeoutMs?: number;
}

const TABLE = "schema_migrations";
const LOCK = "schema_migrations_lock";
/** A lock that nobody has renewed for this long was left by a process that died. */
const LOCK_STALE_MS = 60_000;

/**
 * Brings the database up to the newest file and returns the names of the files that it ran. May be called again, and by
 * several processes at once: one works, the others wait. A file whose run was cut off is run again from its start, so
 * each must be safe to repeat (IF NOT EXISTS). Rejects with E_MIGRATION_* for a folder that does not fit the database.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const { store, logger, clock = systemClock } = options;
  const adapt = options.replicate ? replicated : (statement: string): string => statement;
  const migrations = await readMigrations(options.folder);
  await store.ensureDatabase();
  await store.command(
    adapt(`CREATE TABLE IF NOT EXISTS ${TABLE} (version UInt32, name String, checksum String, applied_at DateTime64(3))
     ENGINE = ReplacingMergeTree(applied_at) ORDER BY version`),
  );
  if (pending(migrations, await readApplied(store)).length === 0) return [];
  const unlock = await lock(store, clock, options.lockTimeoutMs ?? 120_000);
  try {
    // Read again: whoever had the lock before may have done the work.
    const todo = pending(migrations, await readApplied(store));
    for (const migration of todo) {
      await apply(store, clock, migration, options.params ?? {}, adapt);
      logger.info({ migration: migration.name }, "migration applied");
    }
    return todo.map((migration) => migration.name);
  } finally {
    await unlock();
  }
}

/**
 * Which files are still to run, in order. Throws where the folder and the database disagree: a file that was changed
 * after it ran, one that the folder no longer has, or a new one numbered below one that has run.
 */
export function pending(files: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  const byVersion = new Map(files.map((file) => [file.version, file]));
  for (const done of applied) {
    const file = byVersion.get(done.version);
    if (!file) {
      throw new SignalboxError("E_MIGRATION_AHEAD", `The database has migration ${done.name}, which this version of signalbox does not.`, {
        remedy: "Run the version that made it, or a newer one.",
      });
    }
    if (file.checksum !== done.checksum) {
      throw new SignalboxError("E_MIGRATION_CHANGED", `Migration ${file.name} was changed after it had been applied.`, {
        remedy: "Restore the file, and make the change in a new migration.",
      });
    }
  }
  const highest = Math.max(0, ...applied.map((done) => done.version));
  const done = new Set(applied.map((one) => one.version));
  const todo = files.filter((file) => !done.has(file.version)).sort((a, b) => a.version - b.version);
  const late = todo.find((file) => file.version < highest);
  if (late) {
    throw new SignalboxError("E_MIGRATION_ORDER", `Migration ${late.name} is new, but number ${highest} has already run.`, {
      remedy: "Give it the next free number.",
    });
  }
  return todo;
}

/** All files of the folder, in order. Throws E_MIGRATION_NAME for a name that is none, or a number that is used twice. */
export async function readMigrations(folder: URL): Promise<Migration[]> {
  const base = folder.href.endsWith("/") ? folder : new URL(`${folder.href}/`);
  const names = (await readdir(fileURLToPath(base))).filter((name) => name.endsWith(".sql")).sort();
  const migrations = await Promise.all(names.map((name) => readMigration(base, name)));
  for (const [i, migration] of migrations.entries()) {
    if (migration.version === migrations[i - 1]?.version) {
      throw new SignalboxError("E_MIGRATION_NAME", `Two migrations have the number ${migration.version}: ${migrations[i - 1]?.name} and ${migration.name}.`);
    }
  }
  return migrations;
}

async function readMigration(base: URL, name: string): Promise<Migration> {
  const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
  if (number === undefined) {
    throw new SignalboxError("E_MIGRATION_NAME", `${name} is not named like a migration: 0001_some_words.sql.`);
  }
  const text = (await readFile(new URL(name, base), "utf8")).replace(/\r\n/g, "\n");
  return { version: Number(number), name, text, checksum: createHash("sha256").update(text).digest("hex") };
}

async function readApplied(store: Store): Promise<AppliedMigration[]> {
  return await store.query<AppliedMigration>(
    `SELECT version, argMin(name, applied_at) AS name, argMin(checksum, applied_at) AS checksum
     FROM ${TABLE} GROUP BY version ORDER BY version`,
  );
}

async function apply(store: Store, clock: Clock, migration: Migration, params: SqlParams, adapt: (statement: string) => string): Promise<void> {
  for (const [i, statement] of splitStatements(migration.text).entries()) {
    const names = [...placeholders(migration.name, statement).keys()];
    const given = names.filter((name) => params[name] !== undefined).map((name) => [name, params[name] as never]);
    try {
      await store.command(adapt(statement), Object.fromEntries(given) as SqlParams);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SignalboxError("E_MIGRATION_FAILED", `Migration ${migration.name}, statement ${i + 1}: ${reason}`, { cause });
    }
  }
  const { version, name, checksum } = migration;
  const row = { version, name, checksum, applied_at: new Date(clock.nowMs()).toISOString() };
  await store.insert(TABLE, [row], { deduplicationToken: `${name}:${checksum}` });
}

/**
 * ClickHouse has no locks, but only one of two CREATE TABLE for one name succeeds; the comment says until when the
 * lock holds. It spares two starting processes from doing the same work at once. It is not what makes that safe:
 * migrations that may be repeated are.
 */
async function lock(store: Store, clock: Clock, timeoutMs: number): Promise<() => Promise<void>> {
  const owner = randomUUID();
  const deadline = clock.nowMs() + timeoutMs;
  while (!(await tryLock(store, comment(owner, clock)))) {
    if (await isStale(store, clock)) await store.command(`DROP TABLE IF EXISTS ${LOCK}`);
    if (clock.nowMs() > deadline) {
      throw new SignalboxError("E_MIGRATION_LOCKED", `Another process has been migrating for ${timeoutMs} ms.`, {
        remedy: `If none is, drop the table ${LOCK}.`,
      });
    }
    await sleep(100);
  }
  const renew = setInterval(() => {
    store.command(`ALTER TABLE ${LOCK} MODIFY COMMENT '${comment(owner, clock)}'`).catch(() => undefined);
  }, LOCK_STALE_MS / 4);
  return async () => {
    clearInterval(renew);
    await store.command(`DROP TABLE IF EXISTS ${LOCK}`);
  };
}

async function tryLock(store: Store, comment: string): Promise<boolean> {
  try {
    await store.command(`CREATE TABLE ${LOCK} (owner String) ENGINE = MergeTree ORDER BY owner COMMENT '${comment}'`);
    return true;
  } catch (error) {
    // 57 is TABLE_ALREADY_EXISTS.
    if ((error as { code?: string }).code === "57") return false;
    throw error;
  }
}

function comment(owner: string, clock: Clock): string {
  return `${owner} ${clock.nowMs() + LOCK_STALE_MS}`;
}

async function isStale(store: Store, clock: Clock): Promise<boolean> {
  const rows = await store.query<{ comment: string }>(
    "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
    { name: LOCK },
  );
  const until = Number(rows[0]?.comment.split(" ")[1]);
  return Number.isFinite(until) && until < clock.nowMs();
}
