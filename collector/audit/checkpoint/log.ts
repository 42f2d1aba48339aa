import { mkdir, truncate } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../kernel/clock.ts";
import { SignalboxError } from "../../kernel/errors.ts";
import { acquireLock } from "../../kernel/lock.ts";
import { nodeDisk } from "../disk.ts";
import type { ChainHead } from "../chain.ts";
import { CANONICAL_FORM, CHECKPOINT, KEY, signEntry, type Checkpoint, type KeyStatement, type LogEntry } from "./entry.ts";
import { logFile, logLockFile } from "./files.ts";
import { adoptNextKey, makeNextKey, openSigningKey, type SigningKey } from "./keys.ts";
import { entryIndex, readLog } from "./log-reader.ts";

/** What a checkpoint says of a producer's records. */
export type CheckpointClaim = Pick<Checkpoint, "producer" | "first_seq" | "last_seq" | "first_previous_hash" | "head_hash" | "merkle_root">;

/** The log as far as it was read. */
export interface LogState {
  readonly id: string;
  readonly last: LogEntry | null;
  readonly keyId: string | null;
  /** The last signed record of each producer. */
  readonly heads: ReadonlyMap<string, ChainHead>;
  readonly keys: readonly KeyStatement[];
}

/**
 * The checkpoint log of one data directory. The proxy's first process appends checkpoints, and a person's command may
 * append a rotation meanwhile: each append takes the lock, reads what the other wrote, and signs on top of that.
 */
export interface CheckpointLog {
  readonly dir: string;
  readonly file: string;
  state(): Promise<LogState>;
  /** Signs what `claim` makes of the log's state; null appends nothing. */
  checkpoint(claim: (state: LogState) => Promise<CheckpointClaim | null>): Promise<Checkpoint | null>;
  /** A new key, vouched for by the one before, which is destroyed. */
  rotate(): Promise<KeyStatement>;
}

const LOCK_TRIES = 200;
const LOCK_WAIT_MS = 10;

/** The first call for a directory makes the key and begins the log with a statement of it. */
export async function openCheckpointLog(dir: string, clock: Clock): Promise<CheckpointLog> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = logFile(dir);
  const heads = new Map<string, ChainHead>();
  const keys: KeyStatement[] = [];
  let [end, id]: [number, string] = [0, ""];
  let last: LogEntry | null = null;

  const take = (entry: LogEntry): void => {
    last = entry;
    if (entry.event_type === KEY) keys.push(entry);
    else heads.set(entry.producer, { seq: Number(entry.last_seq), hash: entry.head_hash });
    if (id === "") id = entry.event_id.slice(0, entry.event_id.lastIndexOf("-"));
  };

  const refresh = async (): Promise<LogState> => {
    for await (const lines of readLog(file, end)) {
      for (const line of lines) {
        if (!line.entry) throw new SignalboxError("E_AUDIT_CORRUPT", `${file} holds a line that is no entry of a checkpoint log`, { remedy: "run `signalbox audit verify`" });
        take(line.entry);
        end = line.end;
      }
    }
    return { id, last, keyId: keys.at(-1)?.public_key_id ?? null, heads, keys };
  };

  const append = async (entry: LogEntry): Promise<void> => {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    const out = await nodeDisk.openAppend(file);
    try {
      // What a crash left of a line is not an entry yet.
      await truncate(file, end);
      await out.write(line);
      await out.sync();
    } finally {
      await out.close();
    }
    end += line.length;
    take(entry);
  };

  const common = (key: SigningKey) => ({
    event_id: `${id || `cl-${key.id.slice(0, 8)}`}-${last ? entryIndex(last) + 1 : 1}`,
    occurred_at: new Date(clock.nowMs()).toISOString(),
    previous_hash: last?.event_hash ?? null,
    key_id: key.id,
  });

  const introduce = async (by: SigningKey, key: SigningKey): Promise<KeyStatement> => {
    const entry = signEntry({ event_type: KEY, ...common(by), public_key: key.publicKey, public_key_id: key.id }, by.key, key.key) as KeyStatement;
    await append(entry);
    return entry;
  };

  /** The key in force, with its statement at the log's start. */
  const signer = async (): Promise<SigningKey> => {
    const { keyId } = await refresh();
    const key = await openSigningKey(dir, keyId);
    if (keyId === null) await introduce(key, key);
    return key;
  };

  /** Who only asks for the state must not read a line while it is being appended: it would count twice. */
  let working: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = working.then(work);
    working = done.catch(() => {});
    return done;
  };

  await locked(dir, signer);
  return {
    dir,
    file,
    state: () => inTurn(refresh),
    checkpoint: (claim) =>
      inTurn(() => locked(dir, async () => {
        const key = await signer();
        const claimed = await claim(await refresh());
        if (!claimed) return null;
        const entry = signEntry(
          { event_type: CHECKPOINT, ...common(key), ...claimed, chain_algorithm: "sha256", canonical_form_version: CANONICAL_FORM },
          key.key,
        ) as Checkpoint;
        await append(entry);
        return entry;
      })),
    rotate: () =>
      inTurn(() => locked(dir, async () => {
        const statement = await introduce(await signer(), await makeNextKey(dir));
        await adoptNextKey(dir);
        return statement;
      })),
  };
}

async function locked<T>(dir: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    let release: () => Promise<void>;
    try {
      release = await acquireLock(logLockFile(dir), (owner) => new SignalboxError("E_AUDIT_LOCKED", `the checkpoint log in ${dir} is being written by ${owner}`));
    } catch (error) {
      if (!(error instanceof SignalboxError) || tries === LOCK_TRIES) throw error;
      await delay(LOCK_WAIT_MS);
      continue;
    }
    try {
      return await work();
    } finally {
      await release();
    }
  }
}
