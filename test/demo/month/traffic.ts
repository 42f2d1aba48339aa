import type { Random } from "../../support/random.ts";
import { day, hour, taskCalls, works, type MonthCall, type Weather, type Work } from "./work.ts";

/** A Monday, so that weeks and days are easy to tell. */
export const monthStartMs = Date.UTC(2026, 0, 5);

/** The ordinary work of so many days: office hours with a dip at noon, nights, weekends, days that differ, and errors that come in
 * bad hours. Nothing in it is wrong. */
export function ordinaryMonth(days: number, random: Random): MonthCall[] {
  const calls: MonthCall[] = [];
  let tasks = 0;
  for (let d = 0; d < days; d++) {
    const mood = 0.8 + 0.4 * random.next();
    for (let h = 0; h < 24; h++) {
      const atMs = monthStartMs + d * day + h * hour;
      const weather = weatherOf(random, h);
      for (const work of works) {
        const count = around(tasksAt(work, atMs) * mood, random);
        for (let i = 0; i < count; i++) {
          const taskId = `${work.taskClass}-${++tasks}`;
          calls.push(...taskCalls({ work, taskId, atMs: atMs + random.next() * hour, steps: work.plan(random) }, random, weather));
        }
      }
    }
  }
  return calls;
}

/** How many tasks an hour begins, before chance. */
function tasksAt({ perHour }: Work, atMs: number): number {
  const at = new Date(atMs);
  if (at.getUTCDay() % 6 === 0) return perHour.weekend;
  return perHour.night + (perHour.busy - perHour.night) * (officeShare[at.getUTCHours()] ?? 0);
}

const officeShare = [0, 0, 0, 0, 0, 0, 0.1, 0.4, 0.8, 1, 1, 0.9, 0.6, 0.8, 1, 1, 0.9, 0.6, 0.25, 0.1, 0, 0, 0, 0];

/** A count that strays as arrivals do. */
function around(mean: number, random: Random): number {
  let n = 0;
  for (let t = random.exponential(1); t < mean; t += random.exponential(1)) n += 1;
  return n;
}

/** One hour for every server: some busier, now and then one that is flaky. */
function weatherOf(random: Random, hourOfDay: number): Weather {
  const load = 1 + 0.15 * (officeShare[hourOfDay] ?? 0);
  const slow = new Map<string, number>();
  const flaky = new Map<string, number>();
  const once = (of: Map<string, number>, server: string, make: () => number): number => of.get(server) ?? (of.set(server, make()), of.get(server)!);
  return {
    slow: (server) => once(slow, server, () => load * (0.92 + 0.16 * random.next())),
    flaky: (server) => once(flaky, server, () => (random.next() < 0.04 ? 0.08 : 0.008)),
  };
}
