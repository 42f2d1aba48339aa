import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { get } from "../api.ts";
import { ActionDialog } from "../components/action.tsx";
import { Contributors, Evidence, NowExpected } from "../components/evidence.tsx";
import { Empty, Loaded, Panel } from "../components/state.tsx";
import { Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { count, percent } from "../format.ts";
import { iso, stamp, windowText } from "../time.ts";
import type { Alert, AlertDetail } from "../types.ts";

export function AlertPage() {
  const { id } = useParams({ from: "/alerts/$id" });
  const query = useQuery({ queryKey: ["alert", id], queryFn: ({ signal }) => get<AlertDetail>(`/api/alerts/${encodeURIComponent(id)}`, {}, signal), placeholderData: undefined, refetchInterval: 10_000 });
  return <Loaded query={query}>{(a) => <Body item={a} />}</Loaded>;
}

function Body({ item }: { item: AlertDetail }) {
  const [action, setAction] = useState<"acknowledge" | "silence" | null>(null);
  const queries = useQueryClient();
  const a = item.alert;
  const active = ["firing", "acknowledged", "silenced"].includes(item.state);
  return (
    <>
      <div className="spread">
        <div>
          <p className="muted small"><Link to="/alerts">Alerts</Link> / {item.ruleId}</p>
          <h1><Foreign text={item.title} /></h1>
        </div>
        <div className="row">
          <Tag word={item.severity} /><Tag word={item.state} />
          {a ? <Link to="/calls" search={investigate(a, item.labels)}><span className="button primary">Investigate</span></Link> : null}
          <button disabled={!active || item.state === "acknowledged"} onClick={() => setAction("acknowledge")}>Acknowledge</button>
          <button disabled={!active} onClick={() => setAction("silence")}>Silence</button>
        </div>
      </div>
      {item.silencedUntilMs ? <div className="notice">Silenced until {stamp(item.silencedUntilMs)} UTC: <Foreign text={item.reason} /></div> : null}
      {action ? (
        <ActionDialog
          kind={action}
          alertId={item.id}
          minutes={item.silenceMinutes}
          onClose={(done) => {
            setAction(null);
            if (done) void queries.invalidateQueries();
          }}
        />
      ) : null}
      {a === null ? <Empty title="This alert was written by another version">Its history is below.</Empty> : null}
      <div className="grid-2">
        <div className="stack">
          {a ? <><NowExpected change={a.change} health={a.dataHealth} /><Contributors rows={a.contributors} /><Evidence sql={a.evidence.sql} params={a.evidence.params} callIds={a.evidence.callIds} /></> : null}
          <History item={item} />
        </div>
        {a ? <Aside a={a} labels={item.labels} /> : null}
      </div>
    </>
  );
}

function investigate(a: Alert, labels: Record<string, string>) {
  const { server, tool, agent } = labels;
  return { from: iso(a.window.startMs), to: iso(a.window.endMs), ...(server ? { server } : {}), ...(tool ? { tool } : {}), ...(agent ? { agent } : {}), ...(labels.entity_kind === "task" && labels.entity ? { task: labels.entity } : {}) };
}

function Aside({ a, labels }: { a: Alert; labels: Record<string, string> }) {
  const b = a.blastRadius;
  return (
    <div className="stack">
      <Panel title="How far it reaches">
        {b ? (
          <dl className="facts">
            <dt>Calls</dt><dd>{count(b.calls)}, {percent(b.shareOfCalls)} of all in the window</dd>
            <dt>Denied / held</dt><dd>{count(b.denied)} / {count(b.held)}</dd>
            <dt>Tasks</dt><dd>{count(b.tasks)}</dd>
            <dt>Agents</dt><dd>{count(b.agents)}</dd>
            <dt>Principals</dt><dd>{count(b.principals)}</dd>
            <dt>Servers</dt><dd>{count(b.servers)}</dd>
            <dt>High-risk calls</dt><dd>{count(b.highRiskCalls)}</dd>
          </dl>
        ) : <p className="muted">Not counted for this state.</p>}
      </Panel>
      <Panel title="What to do" aside={<a href={a.runbook.replace(/^https?:\/\/[^/]+(?=\/runbooks\/)/, "")} rel="noreferrer">Runbook</a>}>
        <div className="stack">
          <p>{a.investigationGuide}</p>
          <div><p className="strong">Harmless when</p>{a.falsePositives.map((f, i) => <p key={i} className="muted">{f}</p>)}</div>
        </div>
      </Panel>
      <Panel title="Alert">
        <dl className="facts">
          <dt>Rule</dt><dd>{a.ruleTitle} ({a.ruleId} v{a.ruleVersion})</dd>
          <dt>Owner</dt><dd><Foreign text={a.owner} /></dd>
          <dt>Window</dt><dd>{windowText(a.window.startMs, a.window.endMs)} UTC</dd>
          <dt>Fired before</dt><dd>{a.firedBefore === 0 ? "not in 30 days" : `${a.firedBefore} times in 30 days`}</dd>
          <dt>Finding</dt><dd><Link to="/findings/$id" params={{ id: a.findingId }}><span className="mono">{a.findingId}</span></Link></dd>
          {Object.entries(labels).filter(([k]) => k !== "alertname").flatMap(([k, v]) => [<dt key={k}>{k.replaceAll("_", " ")}</dt>, <dd key={`${k}.`}><Foreign text={v} /></dd>])}
        </dl>
        {a.summary ? <p style={{ marginTop: ".8rem" }}><Foreign text={a.summary} /></p> : null}
      </Panel>
    </div>
  );
}

function History({ item }: { item: AlertDetail }) {
  return (
    <>
      <Panel title="What happened">
        <ul className="timeline">
          {item.history.map((h, i) => (
            <li key={i}><span className="muted mono">{stamp(h.atMs)}</span><span><Tag word={h.state} /> <Foreign text={h.reason} /> <span className="muted">by <Foreign text={h.actor} /></span></span></li>
          ))}
        </ul>
      </Panel>
      <Panel title="Notifications" flush>
        {item.notifications.length === 0 ? (
          <Empty title="Nobody was told">Configure a webhook in the section alerts of signalbox.yaml.</Empty>
        ) : (
          <table>
            <thead><tr><th>Time (UTC)</th><th>Receiver</th><th>Type</th><th>Status</th><th className="num">Try</th><th>Answer</th></tr></thead>
            <tbody>
              {item.notifications.map((n, i) => (
                <tr key={i}><td className="mono nowrap">{stamp(n.atMs)}</td><td><Foreign text={n.receiver} /></td><td>{n.type.replace("mcp.alert.", "")}</td><td><Tag word={n.status} /></td><td className="num">{n.attempt || ""}</td><td>{n.httpStatus || ""} <Foreign text={n.error} empty="" /></td></tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
    </>
  );
}
