import type { Observation } from "./metrics.ts";

/** Which hours an hour is compared with, from the finest to the coarsest. */
export const levels = ["hour_of_week", "hour_and_kind_of_day", "hour_of_day", "all"] as const;
export type Level = (typeof levels)[number];

export interface SeasonLimits {
  /** Hours of history below which it is a cold start, and from which on a level is used. */
  minHours: number;
  hourOfDayHours: number;
  kindOfDayHours: number;
  hourOfWeekHours: number;
  /** So many hours must be like the one asked about, or the next coarser level is used. */
  minAlike: number;
}

/** What hours have in common that are alike. Hours and days are UTC; 1970 began on a Thursday. */
export function slotOf(level: Level, hour: number): number {
  const weekday = (Math.floor(hour / 24) + 3) % 7;
  switch (level) {
    case "all":
      return 0;
    case "hour_of_day":
      return hour % 24;
    case "hour_and_kind_of_day":
      return (hour % 24) + (weekday >= 5 ? 24 : 0);
    case "hour_of_week":
      return (hour % 24) + 24 * weekday;
  }
}

const hoursOf = (level: Level, limits: SeasonLimits): number =>
  ({ hour_of_week: limits.hourOfWeekHours, hour_and_kind_of_day: limits.kindOfDayHours, hour_of_day: limits.hourOfDayHours, all: 0 })[level];

export interface Season {
  readonly level: Level;
  /** Why no finer level: for people. */
  readonly why: string;
}

/** The finest level that the history is long enough for, in all and in hours like `hour`. */
export function seasonOf(observed: readonly Observation[], known: number, hour: number, limits: SeasonLimits): Season {
  let why = "";
  for (const level of levels) {
    const needed = hoursOf(level, limits);
    const slot = slotOf(level, hour);
    let alike = 0;
    for (const o of observed) if (slotOf(level, o.hour) === slot) alike++;
    if (level === "all" || (known >= needed && alike >= limits.minAlike)) return { level, why };
    if (why === "") why = known < needed ? `${words[level]} needs ${needed} hours of history, and there are ${known}` : `${words[level]} needs ${limits.minAlike} hours alike, and there are ${alike}`;
  }
  throw new Error("unreachable: the coarsest level needs nothing");
}

export const words: Readonly<Record<Level, string>> = {
  hour_of_week: "hour of the week",
  hour_and_kind_of_day: "hour of the day, weekdays and weekends apart",
  hour_of_day: "hour of the day",
  all: "all hours alike",
};
