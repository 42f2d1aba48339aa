import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { iso, lengthOf, presets, resolve, timeSearch, windowText } from "../time.ts";

/** The page's range: a relative one moves on every ten seconds, an absolute one stays. */
export function useRange(fallback: string) {
  const search = timeSearch(useLocation().search as Record<string, unknown>);
  const now = useNow(10_000);
  return resolve(search, now, fallback);
}

export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Changes the time in the address and keeps everything else in it. */
export function useSetTime() {
  const navigate = useNavigate();
  return (time: { last?: string; from?: string; to?: string }) =>
    void navigate({ to: ".", search: (old: Record<string, unknown>) => ({ ...old, last: undefined, from: undefined, to: undefined, cursor: undefined, ...time }) as never });
}

const Arrow = ({ d }: { d: string }) => (
  <svg width="15" height="15" viewBox="0 0 15 15" aria-hidden="true" className="arrow">
    <path d={d} fill="none" stroke="currentColor" strokeWidth="1.6" />
  </svg>
);

export function RangePicker({ fallback }: { fallback: string }) {
  const range = useRange(fallback);
  const set = useSetTime();
  const [copied, setCopied] = useState(false);
  const length = range.toMs - range.fromMs;
  const shift = (by: number) => set({ from: iso(range.fromMs + by), to: iso(range.toMs + by) });
  const copy = async () => {
    const url = new URL(location.href);
    url.searchParams.delete("last");
    url.searchParams.set("from", iso(range.fromMs));
    url.searchParams.set("to", iso(range.toMs));
    await navigator.clipboard?.writeText(url.href).catch(() => undefined);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div className="row">
      <span className="muted small nowrap">{windowText(range.fromMs, range.toMs)} UTC</span>
      <button title="Earlier" aria-label="Earlier" onClick={() => shift(-length)}><Arrow d="M9.5 3 5 7.5 9.5 12" /></button>
      <button title="Later" aria-label="Later" disabled={range.relative !== null} onClick={() => shift(length)}><Arrow d="M5.5 3 10 7.5 5.5 12" /></button>
      <label>
        <span className="sr">Time range</span>
        <select value={range.relative ?? "fixed"} onChange={(e) => lengthOf(e.target.value) && set({ last: e.target.value })}>
          {range.relative === null ? <option value="fixed">Fixed range</option> : null}
          {[...new Set([...presets, ...(range.relative ? [range.relative] : [])])].map((p) => (
            <option key={p} value={p}>Last {p}</option>
          ))}
        </select>
      </label>
      <button title="A link that shows these rows tomorrow as well" onClick={() => void copy()}>{copied ? "Copied" : "Copy link"}</button>
    </div>
  );
}
