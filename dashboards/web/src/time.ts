/** A page's time is in its address: relative while exploring, absolute in a link that is passed on. */
export interface TimeSearch {
  last?: string;
  from?: string;
  to?: string;
}

export const presets = ["15m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "14d", "30d"] as const;

const units: Record<string, number> = { m: 60_000, h: 3600_000, d: 24 * 3600_000 };

export function lengthOf(last: string | undefined): number | null {
  const match = /^(\d{1,3})([mhd])$/.exec(last ?? "");
  return match ? Number(match[1]) * units[match[2]!]! : null;
}

export function timeSearch(search: Record<string, unknown>): TimeSearch {
  const out: TimeSearch = {};
  const text = (v: unknown) => (typeof v === "string" ? v : undefined);
  if (lengthOf(text(search.last))) out.last = text(search.last);
  else if (Number.isFinite(Date.parse(text(search.from) ?? "")) && Number.isFinite(Date.parse(text(search.to) ?? ""))) {
    out.from = text(search.from);
    out.to = text(search.to);
  }
  return out;
}

/** The range that a search means now. */
export function resolve(search: TimeSearch, nowMs: number, fallback: string): { fromMs: number; toMs: number; relative: string | null } {
  if (search.from && search.to) return { fromMs: Date.parse(search.from), toMs: Date.parse(search.to), relative: null };
  const last = search.last ?? fallback;
  return { fromMs: nowMs - lengthOf(last)!, toMs: nowMs, relative: last };
}

export const iso = (ms: number): string => new Date(ms).toISOString();
/** 2026-03-02 10:05:07, UTC as everything here. */
export const stamp = (ms: number): string => iso(ms).slice(0, 19).replace("T", " ");
export const stampMs = (us: number): string => `${iso(Math.floor(us / 1000)).slice(0, 23).replace("T", " ")}`;
export const clockTime = (ms: number): string => iso(ms).slice(11, 19);

export function windowText(fromMs: number, toMs: number): string {
  const [a, b] = [iso(fromMs), iso(toMs)];
  return a.slice(0, 10) === b.slice(0, 10) ? `${a.slice(0, 10)} ${a.slice(11, 16)} to ${b.slice(11, 16)}` : `${a.slice(0, 16).replace("T", " ")} to ${b.slice(0, 16).replace("T", " ")}`;
}

export function ago(ms: number, nowMs: number): string {
  const s = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} d`;
}
