import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { get } from "../api.ts";
import { Contributors, Evidence, NowExpected } from "../components/evidence.tsx";
import { Loaded, Panel } from "../components/state.tsx";
import { Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { detectorName } from "../format.ts";
import { iso, stamp, windowText } from "../time.ts";
import type { Finding } from "../types.ts";

export function FindingPage() {
  const { id } = useParams({ from: "/findings/$id" });
  const query = useQuery({ queryKey: ["finding", id], queryFn: ({ signal }) => get<{ finding: Finding }>(`/api/findings/${encodeURIComponent(id)}`, {}, signal), placeholderData: undefined });
  return <Loaded query={query}>{({ finding: f }) => <Body f={f} />}</Loaded>;
}

function Body({ f }: { f: Finding }) {
  const where = { from: iso(f.windowStartMs), to: iso(f.windowEndMs), ...(f.server ? { server: f.server } : {}), ...(f.tool ? { tool: f.tool } : {}), ...(f.agent ? { agent: f.agent } : {}), ...(f.entityKind === "task" ? { task: f.entity } : {}) };
  return (
    <>
      <div className="spread">
        <div>
          <p className="muted small"><Link to="/findings">Findings</Link> / {detectorName(f.detector)}</p>
          <h1><Foreign text={f.title} /></h1>
        </div>
        <div className="row"><Tag word={f.severity} /><Link to="/calls" search={where}><span className="button">Open the window's calls</span></Link></div>
      </div>
      <div className="grid-2">
        <div className="stack">
          <NowExpected change={f} health={f.dataHealth} />
          <Contributors rows={f.contributors} />
          <Evidence sql={f.evidenceSql} params={f.evidenceParams} callIds={f.callIds} />
        </div>
        <Panel title="Finding">
          <dl className="facts">
            <dt>Window</dt><dd>{windowText(f.windowStartMs, f.windowEndMs)} UTC</dd>
            <dt>Detected</dt><dd>{stamp(f.detectedAtMs)} UTC</dd>
            <dt>Detector</dt><dd>{detectorName(f.detector)}, version {f.detectorVersion}</dd>
            <dt>{f.entityKind.replace("_", " ")}</dt><dd><Foreign text={f.entity} /></dd>
            {f.agent ? <><dt>Agent</dt><dd><Foreign text={f.agent} /></dd></> : null}
            {f.taskClass ? <><dt>Task class</dt><dd><Foreign text={f.taskClass} /></dd></> : null}
            <dt>Id</dt><dd className="mono">{f.findingId}</dd>
          </dl>
          {f.summary ? <p style={{ marginTop: ".8rem" }}><Foreign text={f.summary} /></p> : null}
        </Panel>
      </div>
    </>
  );
}
