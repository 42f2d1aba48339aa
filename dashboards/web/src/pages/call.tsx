import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { get } from "../api.ts";
import { Loaded, Panel } from "../components/state.tsx";
import { Attempts, Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { bytes, duration, percent, short } from "../format.ts";
import { clockTime, stamp, stampMs } from "../time.ts";
import type { Explanation } from "../types.ts";

export function Call() {
  const { id } = useParams({ from: "/calls/$id" });
  const query = useQuery({ queryKey: ["call", id], queryFn: ({ signal }) => get<Explanation>(`/api/calls/${encodeURIComponent(id)}`, {}, signal), placeholderData: undefined });
  return <Loaded query={query}>{(e) => <Body e={e} />}</Loaded>;
}

function Body({ e }: { e: Explanation }) {
  const c = e.call;
  const s = (key: string) => String(c[key] ?? "");
  const target = [s("server"), s("tool") || s("prompt") || s("method")].filter(Boolean).join(" / ");
  return (
    <>
      <div className="spread">
        <div>
          <p className="muted small"><Link to="/calls">Calls</Link> / <span className="mono"><Foreign text={e.callId} /></span></p>
          <h1><Foreign text={target} /></h1>
        </div>
        <div className="row"><Tag word={e.decision.decision} /><Tag word={s("outcome")} />{s("risk_tier") ? <Tag word={s("risk_tier")}>{s("risk_tier")} risk</Tag> : null}{e.decision.mode === "observe" ? <Tag word="observe" /> : null}</div>
      </div>
      <div className="grid-2">
        <div className="stack">
          <Panel title="Why"><ul className="words">{e.words.map((w, i) => <li key={i}><Foreign text={w} /></li>)}</ul></Panel>
          <Decision e={e} />
          <Timing e={e} />
          <TaskCalls e={e} />
        </div>
        <div className="stack">
          <Record e={e} />
          <Chain e={e} />
        </div>
      </div>
    </>
  );
}

function Decision({ e }: { e: Explanation }) {
  const d = e.decision;
  return (
    <Panel title="Decision">
      <dl className="facts">
        <dt>Decision</dt><dd><Tag word={d.decision} /> {d.basis}<Attempts n={Number(e.call.attempts)} /></dd>
        <dt>Reason</dt><dd>{d.reason || "\u2013"}</dd>
        <dt>Mode</dt><dd>{d.mode}{d.wouldBe ? `, would have been ${d.wouldBe}` : ""}</dd>
        <dt>Policy version</dt><dd className="mono">{d.policyVersion || "\u2013"}{d.policyPublishedMs ? <span className="muted"> in force since {stamp(d.policyPublishedMs)}</span> : null}</dd>
      </dl>
      {d.rules.length === 0 ? <p className="muted small">No rule determined it.</p> : null}
      {d.rules.map((r) => (
        <div key={r.id} className="stack">
          <p className="strong"><Link to="/calls" search={{ rule: r.id, last: "1d" }}><Foreign text={r.id} /></Link> <Tag word={r.effect} /></p>
          {r.text ? <pre className="sql-editor" style={{ padding: ".5rem .7rem" }}><Foreign text={r.text.trim()} lines /></pre> : <p className="muted small">The text of this version is not kept in the store.</p>}
        </div>
      ))}
    </Panel>
  );
}

function Timing({ e }: { e: Explanation }) {
  const t = e.timing;
  const total = Math.max(1, t.totalUs);
  const parts = [
    { name: "Proxy", kind: "proxy", us: t.proxyUs },
    { name: "Upstream", kind: "upstream", us: t.upstreamUs ?? 0 },
    { name: "Waiting and transport", kind: "other", us: t.otherUs },
  ];
  return (
    <Panel title="Where the time went" aside={<span className="strong">{duration(t.totalUs)}</span>}>
      <div className="stack">
        <div className="split" aria-hidden="true">{parts.filter((p) => p.us > 0).map((p) => <span key={p.kind} className={p.kind} style={{ flexGrow: p.us / total, flexBasis: 0 }} />)}</div>
        <div className="legend" style={{ flexWrap: "wrap" }}>
          {parts.map((p) => (
            <span key={p.kind}><span className={`split key`} style={{ height: ".7rem", display: "inline-flex" }}><span className={p.kind} style={{ flexGrow: 1 }} /></span>{p.name} {p.kind === "upstream" && t.upstreamUs === null ? "not called" : `${duration(p.us)} (${percent(p.us / total)})`}</span>
          ))}
        </div>
      </div>
    </Panel>
  );
}

function TaskCalls({ e }: { e: Explanation }) {
  if (e.task.length < 2) return null;
  return (
    <Panel title={`The task's calls (${e.task.length})`} aside={<Link to="/calls" search={{ task: String(e.call.task_id), last: "30d" }}>Open as list</Link>} flush>
      <table>
        <thead><tr><th>Time</th><th>Server</th><th>Tool or method</th><th>Decision</th><th>Outcome</th><th className="num">Total</th></tr></thead>
        <tbody>
          {e.task.map((t) => (
            <tr key={t.callId} className={t.callId === e.callId ? "current" : ""}>
              <td className="mono nowrap"><Link to="/calls/$id" params={{ id: t.callId }}>{clockTime(t.atMs)}</Link></td>
              <td className="clip"><Foreign text={t.server} /></td>
              <td className="clip"><Foreign text={t.tool || t.method} /></td>
              <td><Tag word={t.decision} /><Attempts n={t.attempts} /></td>
              <td><Tag word={t.outcome} /></td>
              <td className="num">{duration(t.durationUs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

const list = (v: unknown): string => (Array.isArray(v) ? v.join(", ") : "");

function Record({ e }: { e: Explanation }) {
  const c = e.call;
  const s = (key: string) => String(c[key] ?? "");
  const paths = (c.arg_paths as string[] | undefined) ?? [];
  const flows = (c.arg_flow_from as (string | number)[] | undefined) ?? [];
  const scores = (c.arg_flow_scores as number[] | undefined) ?? [];
  const rows: [string, string][] = [
    ["Time", `${stampMs(Number(c.ts_us))} UTC`], ["Agent", s("agent")], ["Principal", s("principal")], ["Delegation", list(c.delegation)], ["Credential", s("credential_id")],
    ["Client", [s("client_name"), s("client_version")].filter(Boolean).join(" ")], ["Address", s("client_address")], ["Task", s("task_id")], ["Task class", s("task_class")], ["Session", s("session_id")],
    ["Method", s("method")], ["Protocol", [s("protocol_version"), s("transport")].filter(Boolean).join(", ")], ["Server", [s("server"), s("server_version")].filter(Boolean).join(" ")],
    ["Owner", s("owner")], ["Data domains", list(c.data_domains)], ["Environment", s("environment")], ["Effect", s("effect") ? `${s("effect")}, ${c.trusted === true ? "trusted" : "not trusted"}` : ""],
    ["Registry", short(e.registry.revision)], ["Error", [s("error_type"), s("rpc_code")].filter(Boolean).join(" ")], ["HTTP", [Number(c.http_status) ? `to the agent ${s("http_status")}` : "", Number(c.upstream_status) ? `from upstream ${s("upstream_status")}` : ""].filter(Boolean).join(", ")],
    ["Sizes", `${bytes(Number(c.request_bytes ?? 0))} in, ${bytes(Number(c.result_bytes ?? 0))} out`], ["Handling", [s("handling"), list(c.handling_findings)].filter(Boolean).join(": ")], ["Approval", s("approval_id")], ["Exception", s("exception_id")], ["Trace", s("trace_id")],
  ];
  return (
    <Panel title="Record">
      <dl className="facts">{rows.filter(([, v]) => v !== "").flatMap(([k, v]) => [<dt key={k}>{k}</dt>, <dd key={`${k}.`}><Foreign text={v} /></dd>])}</dl>
      {paths.length > 0 ? (
        <>
          <h2 style={{ margin: "1rem 0 .3rem" }}>Arguments</h2>
          <p className="muted small">Values are kept as keyed digests only.</p>
          <dl className="facts">
            {paths.flatMap((p, i) => [
              <dt key={`${i}k`} className="mono"><Foreign text={p} /></dt>,
              <dd key={i}>{Number(flows[i]) > 0 ? <Link to="/calls/$id" params={{ id: `${e.chain.producer}-${flows[i]}` }}>came out of record {String(flows[i])}</Link> : <span className="muted">not seen in an earlier result</span>}{(scores[i] ?? 0) > 0.5 ? <> <Tag word="high">instruction-shaped {scores[i]!.toFixed(2)}</Tag></> : null}</dd>,
            ])}
          </dl>
        </>
      ) : null}
    </Panel>
  );
}

function Chain({ e }: { e: Explanation }) {
  const c = e.chain;
  return (
    <Panel title="Place in the chain" aside={<Tag word={c.complete ? "ok" : "error"}>{c.complete ? "neighbours present" : "neighbour missing"}</Tag>}>
      <dl className="facts">
        <dt>Producer</dt><dd className="mono"><Foreign text={c.producer} /></dd>
        <dt>Sequence</dt><dd>{c.seq}</dd>
        <dt>Hash</dt><dd className="mono"><Foreign text={c.hash} /></dd>
        <dt>Hash before</dt><dd className="mono"><Foreign text={c.prevHash} /></dd>
        <dt>Neighbours</dt>
        <dd className="row">
          {c.previousSeq ? <Link to="/calls/$id" params={{ id: `${c.producer}-${c.previousSeq}` }}>record {c.previousSeq}</Link> : <span className="muted">none before</span>}
          {c.nextSeq ? <Link to="/calls/$id" params={{ id: `${c.producer}-${c.nextSeq}` }}>record {c.nextSeq}</Link> : <span className="muted">none after</span>}
        </dd>
      </dl>
    </Panel>
  );
}
