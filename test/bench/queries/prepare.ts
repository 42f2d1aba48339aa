import { silentLogger } from "../../../collector/kernel/log.ts";
import { migrate } from "../../../collector/store/migrate.ts";
import { startEngine } from "../../support/engine.ts";
import { fill } from "./fill.ts";
import { createMeteredStore, type MeteredStore } from "./metered-store.ts";
import { readRegister, type Register } from "./register.ts";

export interface Prepared {
  readonly dir: string;
  readonly calls: number;
  readonly days: number;
  onProgress(calls: number): void;
  /** What else is to be there before something is measured. */
  more?(store: MeteredStore, register: Register): Promise<void>;
}

/**
 * Makes the calls, unless an earlier run left some, in an engine with more room than a store has by default: what is measured
 * later has no more than that.
 */
export async function prepareStore({ dir, calls, days, onProgress, more }: Prepared): Promise<void> {
  const engine = await startEngine({ dataDir: dir, limits: { maxServerMemoryBytes: 7e9, maxMemoryBytes: 3e9 } });
  const store = createMeteredStore(engine.url);
  try {
    await migrate({ store, folder: new URL("../../../collector/store/migrations/", import.meta.url), logger: silentLogger });
    if ((await readRegister(store)).calls === 0) await fill(store, { calls, days, fromMs: Date.UTC(2026, 7, 1) }, onProgress);
    await more?.(store, await readRegister(store));
  } finally {
    await store.close();
    await engine.kill("SIGTERM");
  }
}

/** As many days as there are of this bench's usual 1.1 million calls, at least one. */
export const usualDays = (calls: number): number => Math.max(1, Math.round(calls / 1_111_111));
