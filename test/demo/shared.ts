import { mkdirSync, rmSync } from "node:fs";
import { retentionSchema } from "../../collector/store/retention.ts";

/** Of the store, collector, proxy and console, so that a demo can run beside an installation. */
export const demoPorts = [8223, 4418, 7170, 7180] as const;

/** What a demo makes is old from the start. */
export const keptForEver = Object.fromEntries(Object.keys(retentionSchema.parse({})).map((table) => [table, "never"]));

export function emptyDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
}

export async function untilInterrupted(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
