import { Link } from "@tanstack/react-router";
import { measure, percent } from "../format.ts";
import type { Contributor, DataHealth } from "../types.ts";
import { Empty, Panel } from "./state.tsx";
import { Tag } from "./tag.tsx";
import { Foreign } from "./text.tsx";

export interface ChangeNumbers { actual: number; expected: number; expectedLow: number; expectedHigh: number; unit: string; score: number; sampleSize: number }

/** Now against expected, with the band, as bars and as numbers. */
export function NowExpected({ change: c, health }: { change: ChangeNumbers; health: DataHealth }) {
  const most = Math.max(Math.abs(c.actual), Math.abs(c.expected), Math.abs(c.expectedHigh), 1e-9);
  const bar = (v: number) => ({ width: `${Math.max(0.5, (Math.abs(v) / most) * 100)}%` });
  return (
    <Panel title="Now and expected" aside={<Tag word={health.degraded ? "ticket" : "ok"}>{health.degraded ? "data degraded" : "data complete"}</Tag>}>
      <dl className="facts" style={{ gridTemplateColumns: "max-content max-content minmax(0,1fr)" }}>
        <dt>Now</dt><dd className="strong nowrap">{measure(c.actual, c.unit)}</dd><dd><span className="bars" style={{ width: "100%" }}><span className="now" style={{ ...bar(c.actual), height: "1.05rem" }} /></span></dd>
        <dt>Expected</dt><dd className="nowrap">{measure(c.expected, c.unit)}</dd><dd><span className="bars" style={{ width: "100%" }}><span style={{ ...bar(c.expected), height: "1.05rem" }} /></span></dd>
      </dl>
      <p className="muted small" style={{ marginTop: ".6rem" }}>
        Usual band {measure(c.expectedLow, "")} to {measure(c.expectedHigh, c.unit)}
        {c.expected > 0 ? `; ${(c.actual / c.expected).toFixed(1)} times what is expected` : ""}; score {c.score.toFixed(2)}; n = {c.sampleSize}.
      </p>
      <p className="muted small">
        Data: {health.rowsInWindow} rows in the window, {health.baselineRows} in the baseline, {health.missingBuckets} buckets missing, lag {(health.ingestLagMs / 1000).toFixed(0)} s.
      </p>
    </Panel>
  );
}

export function Contributors({ rows }: { rows: readonly Contributor[] }) {
  return (
    <Panel title="Who and what contributes" flush>
      {rows.length === 0 ? (
        <Empty title="No contributor stands out">The change is spread over everything in the window.</Empty>
      ) : (
        <table>
          <thead><tr><th>What</th><th>Window against baseline</th><th className="num">Window</th><th className="num">Baseline</th><th className="num">Of the excess</th></tr></thead>
          <tbody>
            {rows.map((c, i) => (
              <tr key={i}>
                <td className="wrap"><span className="muted">{c.dimension} = </span><Foreign text={c.value} /></td>
                <td><span className="bars"><span className="now" style={{ width: `${Math.max(1, c.windowShare * 100)}%` }} /><span style={{ width: `${Math.max(1, c.baselineShare * 100)}%` }} /></span></td>
                <td className="num">{percent(c.windowShare)}</td>
                <td className="num">{percent(c.baselineShare)}</td>
                <td className="num">{percent(c.excessShare)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

/** The SQL that gives both numbers again, and the calls to begin with. */
export function Evidence({ sql, params, callIds }: { sql: string; params: Record<string, string | number>; callIds: readonly string[] }) {
  return (
    <Panel title="Evidence" aside={sql ? <Link to="/sql" search={{ q: sql, params: JSON.stringify(params) }}>Run in SQL</Link> : null}>
      <div className="stack">
        {callIds.length > 0 ? (
          <p className="row">
            <span className="muted">Calls:</span>
            {callIds.map((id, i) => <Link key={`${id}${i}`} to="/calls/$id" params={{ id }}><span className="mono"><Foreign text={id} /></span></Link>)}
          </p>
        ) : null}
        {sql ? <pre className="sql-editor" style={{ padding: ".5rem .7rem", maxHeight: "18rem", overflow: "auto" }}><Foreign text={sql} lines /></pre> : <p className="muted">No SQL was kept with this.</p>}
        {Object.keys(params).length > 0 ? <p className="muted small mono">{Object.entries(params).map(([k, v]) => <span key={k}>{k} = <Foreign text={v} />; </span>)}</p> : null}
      </div>
    </Panel>
  );
}
