import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { get } from "../api.ts";
import { Sparkline, TimeChart } from "../components/chart.tsx";
import { useNow, useRange, useSetTime } from "../components/range.tsx";
import { Empty, Loaded, Panel } from "../components/state.tsx";
import { Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { count, duration, metricValue, percent } from "../format.ts";
import { ago, iso } from "../time.ts";
import type { AlertItem, Metric, Overview as Data } from "../types.ts";

export function Overview() {
  const range = useRange("1d");
  const query = useQuery({
    queryKey: ["overview", range.fromMs, range.toMs],
    queryFn: ({ signal }) => get<Data>("/api/overview", { from: range.fromMs, to: range.toMs }, signal),
  });
  return (
    <>
      <h1 className="sr">Overview</h1>
      <Loaded query={query}>{(data) => <Body data={data} />}</Loaded>
    </>
  );
}

function Body({ data }: { data: Data }) {
  const { totals: t, previous: p } = data;
  const setTime = useSetTime();
  const chart = useMemo(
    () => ({
      times: data.series.map((r) => r[0]),
      series: [
        { label: "Calls", colour: "--accent", values: data.series.map((r) => r[1]), fill: true },
        { label: "Denied", colour: "--bad", values: data.series.map((r) => r[2]) },
        { label: "Held", colour: "--warn", values: data.series.map((r) => r[3]) },
        { label: "Failed", colour: "--note", values: data.series.map((r) => r[4]) },
      ],
    }),
    [data.series],
  );
  const absolute = { from: iso(data.range.fromMs), to: iso(data.range.toMs) };
  return (
    <>
      <div className="cards">{data.metrics.map((m) => <MetricCard key={m.id} metric={m} />)}</div>
      <section className="panel stats" aria-label="The range in numbers">
        <Stat label="Calls" value={count(t.total)} change={delta(t.total, p.total)} />
        <Stat label="Denied" value={count(t.denied)} change={t.total > 0 ? `${percent(t.denied / t.total)} of calls` : ""} />
        <Stat label="Held" value={count(t.held)} change={t.total > 0 ? `${percent(t.held / t.total)} of calls` : ""} />
        <Stat label="Failed" value={count(t.failed)} change={t.total > 0 ? `${percent(t.failed / t.total)} of calls` : ""} />
        <Stat label="Agents / servers" value={`${count(t.agents)} / ${count(t.servers)}`} change="" />
        <Stat label="Proxy p50 / p99" value={data.latencyUs.proxy[0] ? `${duration(data.latencyUs.proxy[0])} / ${duration(data.latencyUs.proxy[2] ?? 0)}` : "\u2013"} change={data.latencyUs.upstream[0] ? `upstream ${duration(data.latencyUs.upstream[0])} / ${duration(data.latencyUs.upstream[2] ?? 0)}` : ""} />
      </section>
      <Panel title="Calls and denials" aside={<Legend stepSeconds={data.stepSeconds} />}>
        {t.total === 0 ? (
          <Empty title="No calls in this range">Point an agent at the proxy, or choose a longer range above.</Empty>
        ) : (
          <TimeChart {...chart} height={210} onZoom={(from, to) => setTime({ from: iso(from), to: iso(to) })} />
        )}
      </Panel>
      <div className="grid-even">
        <Panel title="Active alerts" aside={<Link to="/alerts">All alerts</Link>} flush>
          <AlertTable alerts={data.alerts.filter((a) => a.state !== "resolved")} />
        </Panel>
        <Panel title="Refused most" aside={<Link to="/calls" search={{ decision: "deny", ...absolute }}>All denials</Link>} flush>
          {data.topDenied.length === 0 ? (
            <Empty title="Nothing was refused">Denials appear here by agent and tool.</Empty>
          ) : (
            <table>
              <thead><tr><th>Agent</th><th>Server / tool</th><th className="num">Denied</th><th className="num">Of calls</th></tr></thead>
              <tbody>
                {data.topDenied.map((r, i) => (
                  <tr key={i}>
                    <td className="clip"><Foreign text={r.agent} empty="unknown" /></td>
                    <td className="clip"><Link to="/calls" search={{ decision: "deny", agent: r.agent || undefined, server: r.server || undefined, tool: r.tool || undefined, ...absolute }}><Foreign text={[r.server, r.tool].filter(Boolean).join(" / ")} empty="no server" /></Link></td>
                    <td className="num">{count(r.denied)}</td>
                    <td className="num">{percent(r.denied / Math.max(1, r.total), 0)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Panel>
      </div>
    </>
  );
}

function delta(now: number, before: number): string {
  if (before === 0) return "none in the range before";
  const change = (now - before) / before;
  return `${change >= 0 ? "+" : "\u2212"}${percent(Math.abs(change), 0)} on the range before`;
}

function Stat({ label, value, change }: { label: string; value: string; change: string }) {
  return (
    <div>
      <span className="muted small">{label}</span>
      <b>{value}</b>
      <span className="muted small">{change || "\u00a0"}</span>
    </div>
  );
}

function Legend({ stepSeconds }: { stepSeconds: number }) {
  const step = stepSeconds < 3600 ? `${stepSeconds / 60} min` : `${stepSeconds / 3600} h`;
  return (
    <div className="legend">
      {[["Calls", "--accent"], ["Denied", "--bad"], ["Held", "--warn"], ["Failed", "--note"]].map(([label, colour]) => (
        <span key={label}><i className="key" style={{ background: `var(${colour})` }} />{label}</span>
      ))}
      <span>per {step}; drag to zoom</span>
    </div>
  );
}

export function MetricCard({ metric: m }: { metric: Metric }) {
  const good = m.value !== null && (m.better === "up" ? m.value >= m.target : m.value <= m.target);
  return (
    <div className="card" title={m.definition}>
      <span className="label">{m.title}</span>
      <span className={`value ${m.value === null ? "none" : ""}`}>{metricValue(m.value, m.unit)}</span>
      <span className="under">
        {m.value === null ? (
          m.periodEndMs !== null ? "nothing to measure in the last 7 days" : "computed every hour; Reports has it now"
        ) : (
          <>
            <span>
              <Tag word={good ? "on target" : "off target"} /> <span className="nowrap">{m.unit === "percent" ? `${count(m.numerator)} of ${count(m.denominator)}` : `n = ${count(m.denominator)}`}</span>
            </span>
            <Sparkline values={m.history} target={m.target} label={`${m.title}, target ${metricValue(m.target, m.unit)}`} />
          </>
        )}
      </span>
    </div>
  );
}

export function AlertTable({ alerts }: { alerts: readonly AlertItem[] }) {
  const now = useNow(30_000);
  if (alerts.length === 0) return <Empty title="Nothing is firing">Rules are evaluated as the jobs finish their windows.</Empty>;
  return (
    <table>
      <thead><tr><th>State</th><th>Severity</th><th>What</th><th className="num">Since</th></tr></thead>
      <tbody>
        {alerts.map((a) => (
          <tr key={a.id}>
            <td><Tag word={a.state} /></td>
            <td><Tag word={a.severity} /></td>
            <td><Link to="/alerts/$id" params={{ id: a.id }}><Foreign text={a.title} /></Link></td>
            <td className="num">{ago(a.startsAtMs, now)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
