import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { get } from "../api.ts";
import { useRange } from "../components/range.tsx";
import { Empty, Loaded, Panel } from "../components/state.tsx";
import { Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { detectorName, measure } from "../format.ts";
import { stamp } from "../time.ts";
import type { Finding } from "../types.ts";

const detectors = ["denial_spike", "error_spike", "latency_drift", "unusual_sequence", "volume", "silence", "first_use", "retry_storm", "scope_escape", "taint_flow", "sequence_gap", "late_record", "duplicate_record", "unrecorded_calls", "control_change", "deprecated_use", "anchor_failure"];

export function Findings() {
  const { detector = "" } = useSearch({ from: "/findings" });
  const navigate = useNavigate({ from: "/findings" });
  const range = useRange("7d");
  const query = useQuery({ queryKey: ["findings", range.fromMs, range.toMs, detector], queryFn: ({ signal }) => get<{ findings: Finding[] }>("/api/findings", { from: range.fromMs, to: range.toMs, detector }, signal) });
  return (
    <>
      <div className="spread">
        <h1>Findings</h1>
        <div className="row" role="group" aria-label="Detector">
          {["", ...detectors].map((d) => (
            <button key={d} aria-pressed={d === detector} onClick={() => void navigate({ search: (old) => ({ ...old, detector: d || undefined }) })}>{d ? detectorName(d) : "all"}</button>
          ))}
        </div>
      </div>
      <Loaded query={query}>
        {({ findings }) => (
          <Panel title={`${findings.length} ${findings.length === 1 ? "finding" : "findings"}`} aside={<span className="muted small">newest window first</span>} flush>
            {findings.length === 0 ? (
              <Empty title="Nothing was found in this range">Detectors speak when a number leaves what is usual for it. Choose a longer range above, or see that their jobs run.</Empty>
            ) : (
              <table>
                <thead><tr><th>Window end</th><th>Detector</th><th>Severity</th><th>What</th><th className="num">Now</th><th className="num">Expected</th><th className="num">Score</th></tr></thead>
                <tbody>{findings.map((f) => <Row key={f.findingId} f={f} />)}</tbody>
              </table>
            )}
          </Panel>
        )}
      </Loaded>
    </>
  );
}

function Row({ f }: { f: Finding }) {
  const navigate = useNavigate();
  return (
    <tr className="link" onClick={() => void navigate({ to: "/findings/$id", params: { id: f.findingId } })}>
      <td className="nowrap mono">{stamp(f.windowEndMs)}</td>
      <td className="nowrap">{detectorName(f.detector)}</td>
      <td><Tag word={f.severity} /></td>
      <td><Link to="/findings/$id" params={{ id: f.findingId }} onClick={(e) => e.stopPropagation()}><Foreign text={f.title} /></Link></td>
      <td className="num strong">{measure(f.actual, f.unit)}</td>
      <td className="num">{measure(f.expected, f.unit)}</td>
      <td className="num">{f.score.toFixed(1)}</td>
    </tr>
  );
}
