import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../support/wait.ts";
import type { Fault, World } from "../fault.ts";
import type { Load } from "../load.ts";
import { workers } from "../workers.ts";

const unable = ({ disk }: World): string | null => (disk === null ? "no file system can be mounted here: run it as root" : null);

/** Bytes that are left to the spools before they fill their disk themselves: so few that all of it is soon in the segments that are being written to. */
const LEFT_BYTES = 512 * 1024;
const REFUSALS = 20;

async function untilRefused({ load }: World): Promise<void> {
  const before = load.refused;
  await waitFor("calls to be refused", () => load.refused >= before + REFUSALS, { timeoutMs: 120_000 });
}

/** Records pile up as fast as the proxy takes calls, and no collector takes them. */
async function pileUp({ stack, load }: World): Promise<void> {
  load.rate = Infinity;
  await stack.roles.get("collector")?.stop();
}

/** No room is made: what the collector takes is what makes room. */
async function takeAway({ stack, load }: World): Promise<void> {
  load.rate = 150;
  await stack.start("collector");
}

/** Somebody else takes the last byte, and gives it back. */
export const diskFull: Fault = {
  name: "disk-full",
  what: "disk full: somebody else's files",
  unable,
  inject: async ({ disk }) => disk?.fill(0),
  async endure(world) {
    await untilRefused(world);
    if (!world.short) await sleep(5000);
  },
  heal: async ({ disk }) => disk?.free(),
  expected: { refused: "some", failed: "none", gaps: 0 },
};

/** The spools themselves fill it while nothing can be delivered. What has to be written to get rid of records must find room. */
export const diskFilled: Fault = {
  name: "disk-filled",
  what: "disk full: the spools' own records",
  unable,
  async inject(world) {
    world.disk?.fill(LEFT_BYTES);
    await pileUp(world);
  },
  endure: untilRefused,
  heal: takeAway,
  expected: { refused: "some", failed: "none", gaps: 0 },
};

/**
 * A tier that goes on without a record. What the register says of it in the end must be exactly the calls that were answered:
 * the ones with a record of their own, and the number of the others.
 */
export function diskFullGoingOn(): Fault {
  let calls: Load | null = null;
  let named = "";
  return {
    name: "disk-full-continue",
    what: "disk full: a tier that continues unrecorded",
    unable,
    async inject(world) {
      calls = world.startUnblocked();
      await waitFor("calls to be answered", () => calls!.answered.size >= 20);
      world.disk?.fill(0);
    },
    async endure(world) {
      await untilRefused(world);
      const before = calls!.answered.size;
      await waitFor("calls to go on", () => calls!.answered.size >= before + 50);
      if (calls!.refused > 0) throw new Error(`${calls!.refused} calls were refused that were to go on`);
    },
    async heal({ disk, books }) {
      disk?.free();
      await calls?.stop();
      const answered = calls?.answered.size ?? 0;
      const told = await waitFor("the register to have all of them", async () => {
        const { counted, recorded } = await books.letThrough("notes");
        return counted + recorded >= answered ? { counted, recorded } : null;
      });
      if (told.counted + told.recorded !== answered) throw new Error(`${answered} calls were answered; ${told.recorded} are on record and ${told.counted} are said to be not`);
      named = `${told.counted} of ${told.counted} counted`;
    },
    expected: { refused: "some", failed: "none", gaps: 0 },
    named: () => named,
  };
}

/** The limit that is set for it, and not the disk's. */
export const spoolFull: Fault = {
  name: "spool-full",
  what: "spool full (`proxy.spoolMaxBytes`)",
  inject: pileUp,
  endure: untilRefused,
  heal: takeAway,
  expected: { refused: "some", failed: "none", gaps: 0 },
};

/** Of all workers together. A call is answered after two writes: that it is about to be forwarded, and its record. */
const SLOW_WRITES_PER_SECOND = 20;

/** Every write waits its turn. Calls wait with it, and none is answered ahead of its record or refused for it. */
export const diskSlow: Fault = {
  name: "disk-slow",
  what: `disk slow: ${SLOW_WRITES_PER_SECOND} writes a second`,
  unable: (world) => unable(world) ?? (world.disk?.throttle ? null : "the kernel has no control group that slows a disk (version 1, blkio)"),
  inject: async ({ stack, disk }) => disk?.throttle?.limit(workers(stack), SLOW_WRITES_PER_SECOND),
  async endure({ load, answered, short }) {
    const calls = short ? 40 : 200;
    const startedAt = performance.now();
    await answered(calls);
    const rate = (calls * 1000) / (performance.now() - startedAt);
    if (rate > load.rate / 2) throw new Error(`${rate.toFixed(0)} calls a second were answered: the disk was not slow`);
  },
  heal: async ({ disk }) => disk?.throttle?.lift(),
  expected: { refused: "none", failed: "none", gaps: 0 },
};

/**
 * A file system can't be made read-only under files that are being written to, but for one that the kernel gives up on. So
 * it is when the proxy starts again after a crash that it finds the disk read-only, and must not serve.
 */
export const readOnly: Fault = {
  name: "read-only",
  what: "disk read-only",
  unable,
  async inject({ stack, disk }) {
    stack.kill("proxy");
    await waitFor("the disk to be read-only", () => (disk?.setReadOnly(true), true), { everyMs: 1 });
  },
  async endure({ load, short }) {
    const before = load.answered.size;
    await sleep(short ? 1000 : 5000);
    if (load.answered.size > before) throw new Error("calls were answered while nothing could be recorded");
  },
  heal: async ({ disk }) => disk?.setReadOnly(false),
  expected: { refused: "none", failed: "any", gaps: 0 },
};
