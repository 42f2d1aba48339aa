import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { get } from "../api.ts";
import { useRange } from "../components/range.tsx";
import { Empty, Failure, Panel } from "../components/state.tsx";
import { Attempts, Tag } from "../components/tag.tsx";
import { Foreign } from "../components/text.tsx";
import { count, duration } from "../format.ts";
import { callFilters, type CallFilter } from "../router.tsx";
import { stampMs } from "../time.ts";
import type { CallItem } from "../types.ts";

interface Page {
  calls: CallItem[];
  cursor: string | null;
}

const labels: Record<CallFilter, string> = { agent: "Agent", principal: "Principal", server: "Server", tool: "Tool", method: "Method", decision: "Decision", basis: "Basis", outcome: "Outcome", rule: "Rule", task: "Task", task_class: "Task class", tier: "Risk tier" };
/** Those with few values are chosen, the others typed. */
const chosen: readonly CallFilter[] = ["agent", "server", "tool", "decision", "outcome", "basis", "task_class", "tier"];
const typed: readonly CallFilter[] = ["task", "rule"];

export function Calls() {
  const search = useSearch({ from: "/calls" });
  const navigate = useNavigate({ from: "/calls" });
  const range = useRange("1h");
  const filters = Object.fromEntries(callFilters.map((f) => [f, search[f]]).filter(([, v]) => v)) as Partial<Record<CallFilter, string>>;
  const live = range.relative !== null && search.live !== "off";
  const time = range.relative ?? `${range.fromMs}-${range.toMs}`;
  const bounds = () => (range.relative ? { from: Date.now() - (range.toMs - range.fromMs), to: Date.now() + 60_000 } : { from: range.fromMs, to: range.toMs });

  const facets = useQuery({ queryKey: ["facets", time], queryFn: ({ signal }) => get<{ facets: Record<string, { value: string; total: number }[]> }>("/api/facets", bounds(), signal), refetchInterval: 30_000 });
  const query = useInfiniteQuery({
    queryKey: ["calls", time, filters],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => get<Page>("/api/calls", { ...bounds(), ...filters, cursor: pageParam, limit: 100 }, signal),
    getNextPageParam: (page) => page.cursor ?? undefined,
    // Only the first page is live: refetching many would move rows under a reader who has scrolled down.
    refetchInterval: (q) => (live && (q.state.data?.pages.length ?? 0) <= 1 ? 2_500 : false),
  });
  const set = (filter: CallFilter, value: string) => void navigate({ search: (old) => ({ ...old, [filter]: value || undefined }) });
  const rows = query.data?.pages.flatMap((p) => p.calls) ?? [];
  const active = Object.entries(filters) as [CallFilter, string][];

  return (
    <>
      <div className="spread">
        <h1>Calls</h1>
        <button aria-pressed={live} disabled={range.relative === null} onClick={() => void navigate({ search: (old) => ({ ...old, live: live ? "off" : undefined }) })}>{live ? "Live: on" : "Live: off"}</button>
      </div>
      <form className="filters" onSubmit={(e) => e.preventDefault()} aria-label="Filters">
        {chosen.map((f) => (
          <label key={f}>
            {labels[f]}
            <select value={filters[f] ?? ""} onChange={(e) => set(f, e.target.value)}>
              <option value="">any</option>
              {options(facets.data?.facets[f] ?? [], filters[f]).map((o) => <option key={o.value} value={o.value}>{visible(o.value)}{o.total > 0 ? ` (${count(o.total)})` : ""}</option>)}
            </select>
          </label>
        ))}
        {typed.map((f) => (
          <label key={f}>
            {labels[f]}
            <input key={filters[f] ?? ""} defaultValue={filters[f] ?? ""} placeholder="exact id" onBlur={(e) => e.target.value !== (filters[f] ?? "") && set(f, e.target.value.trim())} onKeyDown={(e) => e.key === "Enter" && e.currentTarget.blur()} />
          </label>
        ))}
        {active.length > 0 ? <button onClick={() => void navigate({ search: (old) => ({ ...(old.last ? { last: old.last } : {}), ...(old.from ? { from: old.from, to: old.to } : {}) }) })}>Clear</button> : null}
      </form>
      {query.isError ? <Failure error={query.error} stale={rows.length > 0} /> : null}
      <Panel title={query.isPending ? "Loading" : `${count(rows.length)}${query.hasNextPage ? " newest" : ""} ${rows.length === 1 ? "call" : "calls"}`} aside={<span className="muted small">newest first</span>} flush>
        {rows.length === 0 && !query.isPending ? (
          <Empty title="No calls match">{active.length > 0 ? "Remove a filter, or choose a longer range above." : "Point an agent at the proxy, or choose a longer range above."}</Empty>
        ) : (
          <table>
            <thead><tr><th>Time (UTC)</th><th>Agent</th><th>Server</th><th>Tool or method</th><th className="wide">Tier</th><th>Decision</th><th className="wide">Rule</th><th>Outcome</th><th className="num wide">Proxy</th><th className="num">Total</th></tr></thead>
            <tbody>{rows.map((c) => <Row key={c.id} call={c} />)}</tbody>
          </table>
        )}
        {query.hasNextPage ? <div className="empty"><button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Older calls</button></div> : null}
      </Panel>
    </>
  );
}

function Row({ call: c }: { call: CallItem }) {
  const navigate = useNavigate();
  return (
    <tr className="link" onClick={() => void navigate({ to: "/calls/$id", params: { id: c.id } })}>
      <td className="nowrap mono"><Link to="/calls/$id" params={{ id: c.id }} onClick={(e) => e.stopPropagation()}><span className="wide">{stampMs(c.atUs).slice(0, 5)}</span>{stampMs(c.atUs).slice(5)}</Link></td>
      <td className="clip"><Foreign text={c.agent} empty="unknown" /></td>
      <td className="clip"><Foreign text={c.server} empty="none" /></td>
      <td className="clip">{c.tool ? <Foreign text={c.tool} /> : <span className="muted"><Foreign text={c.method} /></span>}</td>
      <td className="wide">{c.tier === "high" ? <Tag word="high" /> : <span className="muted">{c.tier || "\u2013"}</span>}</td>
      <td className="nowrap"><Tag word={c.decision} /><Attempts n={c.attempts} />{c.mode === "observe" ? <span className="muted small"> observed</span> : null}</td>
      <td className="clip wide"><Foreign text={c.rules.join(", ")} empty={c.basis === "default" ? "default" : "\u2013"} /></td>
      <td><Tag word={c.outcome} /></td>
      <td className="num wide">{duration(c.proxyUs)}</td>
      <td className="num">{duration(c.durationUs)}</td>
    </tr>
  );
}

/** Also the value in the address where the range has none of it: a filter must never vanish from sight. */
function options(values: readonly { value: string; total: number }[], current: string | undefined) {
  return current && !values.some((v) => v.value === current) ? [{ value: current, total: 0 }, ...values] : values;
}

/** Options can't hold elements, so what is not to be seen is written out. */
function visible(value: string): string {
  return value.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
