import type { Random } from "../support/random.ts";
import type { Stack } from "../support/stack.ts";
import type { BookKeeper } from "./check.ts";
import type { Load } from "./load.ts";
import type { BatchRelay, TcpRelay } from "./relay.ts";
import type { SpoolDisk } from "./spool-disk.ts";

/** What a fault can lay hands on: the real processes, the network between them, the disk and the clock under them. */
export interface World {
  readonly stack: Stack;
  readonly load: Load;
  /** Starts calls to a server whose risk tier goes on while nothing can be recorded. */
  startUnblocked(): Load;
  readonly random: Random;
  readonly books: BookKeeper;
  /** proxy -> network -> batches -> collector */
  readonly network: TcpRelay;
  readonly batches: BatchRelay;
  /** Null where no file system may be mounted. */
  readonly disk: SpoolDisk | null;
  /** Sets the proxy's wall clock so far off. */
  setClock(offsetMs: number): void;
  /** The quick form, for every commit. */
  readonly short: boolean;
  /** How long an outage lasts. */
  readonly outageMs: number;
  /** Resolves when so many more calls were answered. */
  answered(calls: number): Promise<void>;
}

/** One thing that goes wrong. After `heal` nothing answered may be missing and nothing may be there twice. */
export interface Fault {
  readonly name: string;
  /** The row's first column. */
  readonly what: string;
  /** Why it can't be done here, or null. */
  unable?(world: World): string | null;
  inject(world: World): Promise<void>;
  /** What has to have happened before it is healed; throws where the program did not behave as it must meanwhile. */
  endure(world: World): Promise<void>;
  heal(world: World): Promise<void>;
  /** Whether calls may go unanswered while it lasts: `refused` are those that the proxy turned down for want of a record. */
  readonly expected: { readonly refused: "none" | "some"; readonly failed: "none" | "any"; readonly gaps: number };
  /** What the program reported as missing, and it was: records that were destroyed, calls that were let through. */
  readonly named?: () => string;
}
