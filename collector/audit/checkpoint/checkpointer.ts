import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SignalboxError } from "../../kernel/errors.ts";
import type { Stoppable } from "../../kernel/lifecycle.ts";
import type { Logger } from "../../kernel/log.ts";
import { callId } from "../../record/call-record.ts";
import { readProducer } from "../layout.ts";
import type { Checkpoint } from "./entry.ts";
import { dropLeaves, readLeaves, type Leaves } from "./leaves.ts";
import type { CheckpointClaim, CheckpointLog, LogState } from "./log.ts";
import { GrowingTree, HASH_BYTES, hashesIn } from "./merkle.ts";

export interface CheckpointerOptions {
  readonly log: CheckpointLog;
  /** The folder of the workers' spools. */
  readonly spoolRoot: string;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly onEntry?: () => void;
}

export interface Checkpointer extends Stoppable {
  /** Signs what has become durable since the last time, and resolves with how many checkpoints that took. */
  run(): Promise<number>;
}

/** So that no proof is longer than twenty hashes, and no checkpoint holds more than 32 MB in memory. */
const MAX_RECORDS = 2 ** 20;

/** Leaves a turn of the event loop, some milliseconds' worth: this process hands new connections to the workers. */
const SLICE = 500;

/**
 * Signs checkpoints on a timer and at `stop`, in the process that makes no calls: it reads the hashes that the workers left
 * beside their spools, so no call waits for a tree or a signature.
 */
export function startCheckpointer(options: CheckpointerOptions): Checkpointer {
  const { log, spoolRoot, everyMs, logger } = options;
  let running: Promise<number> = Promise.resolve(0);
  let stopping: Promise<void> | undefined;

  const sign = async (dir: string, producer: string): Promise<Checkpoint | null> => {
    const entry = await log.checkpoint((state) => nextClaim(dir, producer, state));
    if (entry) await dropLeaves(dir, Number(entry.last_seq));
    return entry;
  };

  const runOnce = async (): Promise<number> => {
    let signed = 0;
    for (const dir of await spoolDirs(spoolRoot)) {
      try {
        const producer = await readProducer(dir);
        while (producer !== null && (await sign(dir, producer))) signed++;
      } catch (error) {
        logger.error({ err: error, dir }, "no checkpoint could be signed for a spool");
      }
    }
    if (signed > 0) options.onEntry?.();
    return signed;
  };

  const run = (): Promise<number> => {
    running = running.then(runOnce, runOnce);
    return running;
  };
  const timer = setInterval(() => void run().catch((error: unknown) => logger.error({ err: error }, "no checkpoint could be signed")), everyMs);
  timer.unref();
  return {
    run,
    stop() {
      clearInterval(timer);
      stopping ??= run().then(() => undefined);
      return stopping;
    },
  };
}

async function spoolDirs(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names.sort().map((name) => join(root, name));
}

/** What there is to sign of one producer, or null. Throws E_AUDIT_FORK where it does not continue what was signed before. */
async function nextClaim(dir: string, producer: string, state: LogState): Promise<CheckpointClaim | null> {
  const head = state.heads.get(producer);
  const stretches: Leaves[] = [];
  let records = 0;
  for await (const leaves of readLeaves(dir, (head?.seq ?? 0) + 1)) {
    const first = stretches[0];
    // Records that are missing between two files are left out of the tree, and show as a gap between two checkpoints.
    if (first && first.firstSeq + records !== leaves.firstSeq) break;
    stretches.push(leaves);
    records += leaves.hashes.length / HASH_BYTES;
    if (records >= MAX_RECORDS) break;
  }
  const first = stretches[0];
  if (!first) return null;
  if (head && first.firstSeq === head.seq + 1 && first.previousHash !== head.hash) throw fork(producer, head.seq);
  const hashes = Buffer.concat(stretches.map((s) => s.hashes)).subarray(0, MAX_RECORDS * HASH_BYTES);
  return {
    producer,
    first_seq: String(first.firstSeq),
    last_seq: String(first.firstSeq + hashes.length / HASH_BYTES - 1),
    first_previous_hash: first.previousHash,
    head_hash: hashes.toString("hex", hashes.length - HASH_BYTES),
    merkle_root: (await rootOf(hashes)).toString("hex"),
  };
}

async function rootOf(hashes: Buffer): Promise<Buffer> {
  const [leafAt, size] = [hashesIn(hashes), hashes.length / HASH_BYTES];
  const tree = new GrowingTree();
  for (let i = 0; i < size; i++) {
    if (i % SLICE === 0) await nextTurn();
    tree.add(leafAt(i));
  }
  return tree.root();
}

function fork(producer: string, seq: number): SignalboxError {
  return new SignalboxError("E_AUDIT_FORK", `the spool of ${producer} does not continue record ${callId({ producer, seq })} as it was signed`, {
    remedy: "a spool was changed or put back from a copy: keep it, and run `signalbox audit verify`",
  });
}
