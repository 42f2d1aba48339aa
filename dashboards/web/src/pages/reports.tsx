import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { get } from "../api.ts";
import { Sparkline } from "../components/chart.tsx";
import { Empty, Loaded, Panel } from "../components/state.tsx";
import { Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { count, metricValue } from "../format.ts";
import { stamp } from "../time.ts";
import type { Report, ReportMetric } from "../types.ts";

interface Listing {
  reports: { name: string; from: string; to: string }[];
  schedule: { schedule: string; timeZone: string; enabled: boolean; days: number };
}

export function Reports() {
  const { name = "" } = useSearch({ from: "/reports" });
  const navigate = useNavigate({ from: "/reports" });
  const list = useQuery({ queryKey: ["reports"], queryFn: ({ signal }) => get<Listing>("/api/reports", {}, signal), refetchInterval: 60_000 });
  const source = name ? `/api/reports/${encodeURIComponent(name)}` : "/api/reports/preview";
  const report = useQuery({ queryKey: ["report", name], queryFn: ({ signal }) => get<Report>(source, {}, signal), staleTime: 60_000, placeholderData: undefined });
  return (
    <>
      <div className="spread">
        <h1>Reports</h1>
        <div className="row">
          <label><span className="sr">Report</span>
            <select value={name} onChange={(e) => void navigate({ search: e.target.value ? { name: e.target.value } : {} })}>
              <option value="">Preview: up to now</option>
              {list.data?.reports.map((r) => <option key={r.name} value={r.name}>{r.from} to {r.to}</option>)}
            </select>
          </label>
          <a href={`${source}?format=html`} target="_blank" rel="noreferrer"><span className="button">Printable page</span></a>
          <a href={`${source}?format=md`} target="_blank" rel="noreferrer"><span className="button">Markdown</span></a>
          <a href={`${source}?format=json`} target="_blank" rel="noreferrer"><span className="button">JSON</span></a>
        </div>
      </div>
      {list.data ? <p className="muted small">{list.data.schedule.enabled ? `Delivered by cron "${list.data.schedule.schedule}" in ${list.data.schedule.timeZone}, ${list.data.schedule.days} days each. ` : "Scheduled delivery is off. "}A delivered report is frozen: it shows the same numbers for ever.</p> : null}
      <Loaded query={report}>{(r) => <Body r={r} />}</Loaded>
    </>
  );
}

function Body({ r }: { r: Report }) {
  return (
    <div className="report">
      <div className="spread"><h2><Foreign text={r.title} /></h2><span className="muted small">{r.period}; as of {stamp(Date.parse(r.asOf))} UTC; {count(r.coverage.calls)} calls, {r.coverage.missingRecords === 0 ? "no record missing" : `${count(r.coverage.missingRecords)} records missing`}</span></div>
      <div className="cards">{r.metrics.map((m) => <Card key={m.id} m={m} />)}</div>
      <div className="grid-even">
        <Panel title="What changed">{r.changes.length === 0 ? <p className="muted">Nothing, or there is no earlier period to compare with.</p> : <ul className="words">{r.changes.map((c, i) => <li key={i} style={{ fontWeight: 400 }}><Foreign text={c} /></li>)}</ul>}</Panel>
        <Panel title="Incidents"><p>{r.incidents.opened} opened, {r.incidents.resolved} resolved, {r.incidents.open} open.</p></Panel>
      </div>
      <div className="grid-even">{r.metrics.map((m) => <Offenders key={m.id} m={m} />)}</div>
      <Panel title="Method">
        <ol className="stack" style={{ margin: 0, paddingLeft: "1.2rem" }}>
          {r.metrics.map((m) => <li key={m.id}><b>{m.title}.</b> {m.definition} <span className="muted">Definition {m.definitionVersion}, SQL <code>{m.sqlSha256.slice(0, 12)}</code>.</span></li>)}
        </ol>
      </Panel>
    </div>
  );
}

function Card({ m }: { m: ReportMetric }) {
  return (
    <div className="card">
      <span className="label">{m.title}</span>
      <span className={`value ${m.value === null ? "none" : ""}`}>{metricValue(m.value, m.unit)}</span>
      <span className="row small"><Tag word={m.status} /><span className="muted">target {metricValue(m.target, m.unit)}</span></span>
      <span className="under"><span>{m.value === null ? "nothing to count in this period" : <>{m.unit === "percent" ? `${count(m.numerator)} of ${count(m.denominator)}` : `n = ${m.denominator}`}<br />{m.previous === null ? "no earlier value" : `before ${metricValue(m.previous, m.unit)}`}</>}</span><Sparkline values={m.history.map((p) => p.value)} target={m.target} label={m.title} /></span>
    </div>
  );
}

function Offenders({ m }: { m: ReportMetric }) {
  return (
    <Panel title={m.offendersTitle} aside={m.moreOffenders > 0 ? <span className="muted small">{m.moreOffenders} more</span> : null} flush>
      {m.offenders.length === 0 ? <Empty title="None" /> : (
        <>
          <table>
            <thead><tr><th>Name</th><th>Gap</th><th>Owner</th></tr></thead>
            <tbody>{m.offenders.map((o, i) => <tr key={i}><td className="wrap">{o.link.startsWith("/") ? <a href={o.link}><Foreign text={o.name} /></a> : <Foreign text={o.name} />}</td><td><Foreign text={o.detail} /></td><td><Foreign text={o.owner} /></td></tr>)}</tbody>
          </table>
          <p className="muted small" style={{ padding: ".5rem .9rem" }}>Next: {m.action}</p>
        </>
      )}
    </Panel>
  );
}
