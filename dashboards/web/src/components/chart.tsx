import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { iso } from "../time.ts";
import { useTheme } from "./theme.tsx";

export interface ChartSeries {
  readonly label: string;
  /** A CSS variable. */
  readonly colour: string;
  readonly values: readonly number[];
  readonly fill?: boolean;
}

/** Lines over time, UTC. Dragging a stretch zooms to it. The same numbers stand in a table that screen readers get. */
export function TimeChart({ times, series, height = 200, onZoom }: { times: readonly number[]; series: readonly ChartSeries[]; height?: number; onZoom?: (fromMs: number, toMs: number) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const { theme } = useTheme();
  useEffect(() => {
    const element = box.current!;
    const css = getComputedStyle(document.documentElement);
    const colour = (name: string) => css.getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "11px system-ui, sans-serif" };
    const long = (times.at(-1) ?? 0) - (times[0] ?? 0) > 36 * 3600;
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        padding: [10, 10, 0, 0],
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
        legend: { show: false },
        scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, Math.max(1, max * 1.08)] } },
        axes: [
          { ...axis, size: 28, values: (_u, splits) => splits.map((s) => (long ? iso(s * 1000).slice(5, 16).replace("T", " ") : iso(s * 1000).slice(11, 16))), space: long ? 95 : 60 },
          { ...axis, size: 44, space: 34, values: (_u, splits) => splits.map((v) => (Number.isInteger(v) ? v.toLocaleString("en-US") : "")) },
        ],
        series: [{}, ...series.map((s) => ({ label: s.label, stroke: colour(s.colour), width: 1.5, points: { show: false }, ...(s.fill ? { fill: `${colour(s.colour)}22` } : {}) }))],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width < 6) return;
              zoom.current?.(Math.floor(u.posToVal(u.select.left, "x")) * 1000, Math.ceil(u.posToVal(u.select.left + u.select.width, "x")) * 1000);
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      [times as number[], ...series.map((s) => s.values as number[])],
      element,
    );
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [times, series, height, theme]);

  return (
    <>
      <div ref={box} className="chart" style={{ height }} aria-hidden="true" />
      <div className="sr"><table>
        <caption>{series.map((s) => s.label).join(", ")} over time</caption>
        <tbody>
          {times.map((t, i) => (
            <tr key={t}>
              <th scope="row">{iso(t * 1000)}</th>
              {series.map((s) => (
                <td key={s.label}>{s.values[i]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table></div>
    </>
  );
}

/** A line without axes, and the target as a dashed one. */
export function Sparkline({ values, target, label }: { values: readonly number[]; target?: number; label: string }) {
  if (values.length < 2) return null;
  const [width, height] = [104, 30];
  const all = target === undefined ? values : [...values, target];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (i: number) => (i / (values.length - 1)) * (width - 6) + 3;
  const y = (v: number) => height - 4 - ((v - low) / (high - low || 1)) * (height - 8);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {target === undefined ? null : <line x1="0" x2={width} y1={y(target)} y2={y(target)} stroke="var(--faint)" strokeDasharray="3 3" />}
      <polyline points={values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ")} fill="none" stroke="var(--accent)" strokeWidth="1.5" />
      <circle cx={x(values.length - 1)} cy={y(values.at(-1)!)} r="2.4" fill="var(--accent)" />
    </svg>
  );
}
