import { loadSql } from "../../collector/store/sql-file.ts";
import type { Store } from "../../collector/store/client.ts";
import type { EntityKind } from "./metrics.ts";

/** The hours (numbered since 1970) that belong to a known incident, with its id, by whose they are. */
export type IncidentHours = ReadonlyMap<string, ReadonlyMap<number, string>>;

const anySql = loadSql(new URL("./any-incident.sql", import.meta.url));
const hoursSql = loadSql(new URL("./incident-hours.sql", import.meta.url));

/** Of incidents that were known at `asOfMs`. Mostly there is none, which costs next to nothing to find out. */
export async function readIncidentHours(store: Store, range: { asOfMs: number; fromMs: number; toMs: number }): Promise<IncidentHours> {
  const [any] = await store.query<{ some: number }>(anySql, { as_of_ms: range.asOfMs, from_ms: range.fromMs });
  if (any?.some !== 1) return new Map();
  const rows = await store.query<{ mark: string; hours: [number, string][] }>(hoursSql, { as_of_ms: range.asOfMs, from_ms: range.fromMs, to_ms: range.toMs });
  return new Map(rows.map(({ mark, hours }) => [mark, new Map(hours)]));
}

/** An entity's hours that are out. A pair's are those of either side; a tool's also those of its server as a whole. */
export function hoursOutOf(incidents: IncidentHours, of: { kind: EntityKind; entity: string; parent: string }): Map<number, string> {
  if (incidents.size === 0) return new Map();
  return new Map(marksOf(of).flatMap((mark) => [...(incidents.get(mark) ?? [])]));
}

function marksOf({ kind, entity, parent }: { kind: EntityKind; entity: string; parent: string }): string[] {
  const tool = (name: string): string[] => [`tool:${name}`, `tools of:${name.slice(0, name.indexOf("/"))}`];
  // A pair is `one@parent`, whatever characters the names have.
  const one = entity.slice(0, Math.max(0, entity.length - parent.length - 1));
  switch (kind) {
    case "all":
      return [];
    case "tool":
      return tool(entity);
    case "agent_server":
      return [`agent:${one}`, `server:${parent}`];
    case "agent_tool":
      return [`agent:${one}`, ...tool(parent)];
    case "task_class_tool":
      return [`task_class:${one}`, ...tool(parent)];
    default:
      return [`${kind}:${entity}`];
  }
}

/** Neighbouring hours as one stretch each, half-open. */
export function stretchesOf(hours: readonly number[]): { from: number; to: number }[] {
  const out: { from: number; to: number }[] = [];
  for (const hour of [...hours].sort((a, b) => a - b)) {
    const last = out.at(-1);
    if (last !== undefined && last.to === hour) last.to = hour + 1;
    else out.push({ from: hour, to: hour + 1 });
  }
  return out;
}
