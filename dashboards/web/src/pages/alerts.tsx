import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { get } from "../api.ts";
import { useNow, useRange } from "../components/range.tsx";
import { Empty, Loaded, Panel } from "../components/state.tsx";
import { Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { measure } from "../format.ts";
import { ago, stamp } from "../time.ts";
import type { AlertItem } from "../types.ts";

const tabs = ["firing", "acknowledged", "silenced", "pending", "resolved"] as const;

export function Alerts() {
  const range = useRange("7d");
  const query = useQuery({ queryKey: ["alerts", range.fromMs], queryFn: ({ signal }) => get<{ alerts: AlertItem[] }>("/api/alerts", { from: range.fromMs, to: range.toMs }, signal), refetchInterval: 10_000 });
  const [tab, setTab] = useState<string>("");
  return (
    <>
      <h1>Alerts</h1>
      <Loaded query={query}>
        {({ alerts }) => {
          const now = tab || (tabs.find((t) => alerts.some((a) => a.state === t)) ?? "firing");
          const shown = alerts.filter((a) => a.state === now);
          return (
            <>
              <div className="row" role="group" aria-label="State">
                {tabs.map((t) => <button key={t} aria-pressed={t === now} onClick={() => setTab(t)}>{t} {alerts.filter((a) => a.state === t).length}</button>)}
              </div>
              <Panel title={`${shown.length} ${now}`} flush>
                {shown.length === 0 ? <Nothing tab={now} /> : <Table alerts={shown} />}
              </Panel>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function Nothing({ tab }: { tab: string }) {
  if (tab === "firing") return <Empty title="Nothing is firing">Rules are evaluated as the detectors finish their windows. Missing data never resolves an alert.</Empty>;
  return <Empty title={`No alert is ${tab}`}>{tab === "resolved" ? "Choose a longer range above to see older ones." : null}</Empty>;
}

function Table({ alerts }: { alerts: readonly AlertItem[] }) {
  const now = useNow(15_000);
  return (
    <table>
      <thead><tr><th>Severity</th><th>What</th><th>Now / expected</th><th>Owner</th><th>Since (UTC)</th><th>Last change</th></tr></thead>
      <tbody>
        {alerts.map((a) => (
          <tr key={a.id}>
            <td><Tag word={a.severity} /></td>
            <td><Link to="/alerts/$id" params={{ id: a.id }}><Foreign text={a.title} /></Link><div className="muted small">rule {a.ruleId}{a.silencedUntilMs ? `; silenced until ${stamp(a.silencedUntilMs)}` : ""}</div></td>
            <td className="nowrap">{a.alert ? <>{measure(a.alert.change.actual, "")} <span className="muted">/ {measure(a.alert.change.expected, a.alert.change.unit)}</span></> : "\u2013"}</td>
            <td><Foreign text={a.alert?.owner} /></td>
            <td className="nowrap">{stamp(a.startsAtMs)}<div className="muted small">{ago(a.startsAtMs, now)} ago</div></td>
            <td><Foreign text={a.reason} /><div className="muted small">by <Foreign text={a.actor} />, {ago(a.updatedAtMs, now)} ago</div></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
