export const count = (n: number): string => n.toLocaleString("en-US");
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(share === 0 || share === 1 ? 0 : digits)}%`;

export function duration(us: number): string {
  if (us < 1000) return `${us} \u00b5s`;
  if (us < 10_000) return `${(us / 1000).toFixed(2)} ms`;
  return us < 1_000_000 ? `${(us / 1000).toFixed(0)} ms` : `${(us / 1_000_000).toFixed(2)} s`;
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  return n < 1_000_000 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1_000_000).toFixed(1)} MB`;
}

export function metricValue(value: number | null, unit: "percent" | "minutes"): string {
  if (value === null) return "no data";
  if (unit === "percent") return percent(value);
  return value >= 120 ? `${(value / 60).toFixed(1)} h` : `${value.toFixed(0)} min`;
}

/** Detectors' numbers: no more digits than they can stand for. */
export function measure(value: number, unit: string): string {
  const abs = Math.abs(value);
  const text = abs >= 1000 ? count(Math.round(value)) : abs >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(abs >= 1 ? 1 : 3);
  return unit ? `${text} ${unit}` : text;
}

export const detectorName = (d: string): string => d.replaceAll("_", " ");
export const short = (digest: string): string => (digest.length > 16 ? digest.slice(0, 12) : digest);
