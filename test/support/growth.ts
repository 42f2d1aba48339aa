const SMALL = 20_000;
const TIMES = 8;
/** The kernel tells a thread's time in steps of a few milliseconds. */
const ENOUGH_MICROSECONDS = 40_000;
const MAX_ROUNDS = 1024;

/**
 * How many times as much CPU time of this thread the work takes for eight times the length: about 8 where it is linear, 64
 * where it is quadratic. Not time on a clock, which tells more of what else the machine is doing. `prepare` is not counted.
 */
export function growth(prepare: (length: number) => () => void): number {
  const [small, large] = [prepare(SMALL), prepare(SMALL * TIMES)];
  const cpuOf = (work: () => void, runs: number): number => {
    const before = process.threadCpuUsage();
    for (let i = 0; i < runs; i++) work();
    const { user, system } = process.threadCpuUsage(before);
    return user + system;
  };
  cpuOf(small, TIMES);
  for (let rounds = 1; ; rounds *= 2) {
    const [of, all] = [cpuOf(small, rounds * TIMES), cpuOf(large, rounds)];
    if (all >= ENOUGH_MICROSECONDS || rounds >= MAX_ROUNDS) return (TIMES * all) / Math.max(of, 1);
  }
}

/** A text of about that length that says the same over and over. */
export const repeated = (unit: string, length: number): string => unit.repeat(Math.ceil(length / unit.length));
