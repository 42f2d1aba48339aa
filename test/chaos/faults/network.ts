import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../support/wait.ts";
import type { Fault } from "../fault.ts";

/**
 * The way to the collector takes bytes and brings none, and nobody closes it. In the long form the old connections never come
 * back, so that the exporter has to give them up by itself.
 */
export const halfOpen: Fault = {
  name: "half-open",
  what: "half-open connections to the collector",
  inject: async ({ network }) => network.freeze(),
  endure: ({ short }) => sleep(short ? 2000 : 10_000),
  heal: async ({ network, short }) => network.thaw(short ? "resume" : "abandon"),
  expected: { refused: "none", failed: "none", gaps: 0 },
};

export const disorder: Fault = {
  name: "disorder",
  what: "batches duplicated and reordered",
  inject: async ({ batches }) => void (batches.disorderly = true),
  async endure({ batches, short }) {
    const enough = short ? 2 : 12;
    const { repeated, late } = batches;
    await waitFor("batches to be repeated and to come late", () => batches.repeated >= repeated + enough && batches.late >= late + enough, { timeoutMs: 300_000 });
  },
  heal: async ({ batches }) => void (batches.disorderly = false),
  expected: { refused: "none", failed: "none", gaps: 0 },
};
