import { compare } from "./roc.ts";
import type { ScoresBySeries, TimesBySeries } from "./series.ts";

export type PlantedEvents = Readonly<Record<string, { events: [string, string, string][]; mask: [string, string][] }>>;

/** Rows not scored at a series' start, quiet rows that end an alarm, and 5-minute rows in a week. */
const warmRows = 500;
const quietRows = 12;
const weekRows = 2016;

/** A row is outside events (null), inside the event with that number, or not scored. */
type State = null | number | "skip";

function statesOf(times: readonly string[], planted: NonNullable<PlantedEvents[string]>): State[] {
  const states: State[] = times.map((time, i) =>
    i < warmRows || planted.mask.some(([from, to]) => from <= time && time <= to) ? "skip" : null,
  );
  planted.events.forEach(([from, to], event) => {
    const first = times.indexOf(from);
    const last = times.indexOf(to);
    // What follows an event is neither quiet nor part of it.
    const after = Math.min(times.length, last + 1 + Math.min(48, last - first + 1));
    for (let i = last + 1; i < after; i++) states[i] ??= "skip";
    states.fill(event, first, last + 1);
  });
  return states;
}

export interface KindFigures {
  found: number;
  planted: number;
  share: number;
  medianDelay: number | undefined;
}

export class EventCorpus {
  readonly #states: ReadonlyMap<string, State[]>;
  readonly #planted: PlantedEvents;
  readonly #weeks: number;

  constructor(times: TimesBySeries, planted: PlantedEvents) {
    this.#planted = planted;
    this.#states = new Map([...times].map(([series, stamps]) => [series, statesOf(stamps, planted[series] ?? { events: [], mask: [] })]));
    this.#weeks = [...this.#states.values()].flat().filter((s) => s === null).length / weekRows;
  }

  run(scores: ScoresBySeries, threshold: number): { alarmsPerWeek: number; kinds: Map<string, KindFigures> } {
    let alarms = 0;
    const delays = new Map<string, (number | undefined)[]>([["all", []]]);
    for (const [series, states] of this.#states) {
      const column = scores.get(series)!;
      const firstHit = new Map<number, number>();
      let lastAlarm = -Infinity;
      states.forEach((state, i) => {
        if (state === "skip" || column[i]! < threshold) return;
        if (state !== null) {
          if (!firstHit.has(state)) firstHit.set(state, i - states.indexOf(state));
        } else {
          if (i - lastAlarm > quietRows) alarms++;
          lastAlarm = i;
        }
      });
      this.#planted[series]!.events.forEach(([, , kind], event) => {
        delays.set(kind, [...(delays.get(kind) ?? []), firstHit.get(event)]);
        delays.get("all")!.push(firstHit.get(event));
      });
    }
    return { alarmsPerWeek: alarms / this.#weeks, kinds: new Map([...delays].map(([kind, list]) => [kind, figuresOf(list)])) };
  }

  /** The lowest threshold at which the quiet rows give at most `perWeek` alarms a series and week. */
  threshold(scores: ScoresBySeries, perWeek: number): number {
    const quiet = new Set<number>();
    for (const [series, states] of this.#states) {
      states.forEach((state, i) => state === null && quiet.add(scores.get(series)![i]!));
    }
    const values = [...quiet].sort(compare);
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.run(scores, values[middle]!).alarmsPerWeek <= perWeek) high = middle;
      else low = middle + 1;
    }
    return values[low] ?? values.at(-1)! + 1e-9;
  }
}

function figuresOf(delays: readonly (number | undefined)[]): KindFigures {
  const hits = delays.filter((d) => d !== undefined).sort(compare);
  return { found: hits.length, planted: delays.length, share: hits.length / delays.length, medianDelay: hits[hits.length >> 1] };
}
