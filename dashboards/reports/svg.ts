/** A line of values with the target as a dashed line. Text for assistive technology stands beside it, not in it. */
export function sparkline(values: readonly number[], target: number, width = 160, height = 36): string {
  if (values.length < 2) return "";
  const low = Math.min(...values, target);
  const high = Math.max(...values, target);
  const span = high - low || 1;
  const x = (i: number) => ((i / (values.length - 1)) * (width - 6) + 3).toFixed(1);
  const y = (v: number) => (height - 4 - ((v - low) / span) * (height - 8)).toFixed(1);
  const line = values.map((v, i) => `${x(i)},${y(v)}`).join(" ");
  const last = values.length - 1;
  return (
    `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-hidden="true">` +
    `<line x1="0" x2="${width}" y1="${y(target)}" y2="${y(target)}" stroke="#8a93a3" stroke-dasharray="3 3"/>` +
    `<polyline points="${line}" fill="none" stroke="#2457c5" stroke-width="1.5"/><circle cx="${x(last)}" cy="${y(values[last]!)}" r="2.5" fill="#2457c5"/></svg>`
  );
}
