import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { get, post, runSql, type SqlEvent } from "../api.ts";
import { SqlEditor } from "../components/editor.tsx";
import { useNow } from "../components/range.tsx";
import { Empty, Failure, Panel } from "../components/state.tsx";
import { Foreign } from "../components/text.tsx";
import { bytes, count } from "../format.ts";

interface Info {
  limits: string[];
  maxRows: number;
  samples: { id: string; title: string; sql: string }[];
}

interface Result {
  names: string[];
  types: string[];
  rows: unknown[][];
  end: Extract<SqlEvent, { event: "end" }> | null;
}

const first = "SELECT ts, agent, server, tool, decision, outcome, duration_us\nFROM calls\nORDER BY ts DESC\nLIMIT 100";

export function SqlPage() {
  const search = useSearch({ from: "/sql" });
  const navigate = useNavigate({ from: "/sql" });
  const info = useQuery({ queryKey: ["sql"], queryFn: ({ signal }) => get<Info>("/api/sql", {}, signal), staleTime: Infinity });
  const [text, setText] = useState(search.q ?? first);
  const [values, setValues] = useState<Record<string, string>>(() => readParams(search.params));
  const names = useMemo(() => placeholders(text), [text]);
  const { result, running, startedMs, error, run, cancel } = useSqlRun();
  useEffect(() => {
    if (search.q !== undefined) setText(search.q);
    setValues(readParams(search.params));
  }, [search.q, search.params]);

  const start = () => {
    const params = Object.fromEntries(names.map((n) => [n, values[n] ?? ""]));
    // The address holds what was run, so that it can be passed on; very long statements stay here.
    if (text.length < 6000) void navigate({ search: { q: text, ...(names.length > 0 ? { params: JSON.stringify(params) } : {}) }, replace: true });
    void run(text, params);
  };

  return (
    <>
      <h1>SQL</h1>
      <div className="grid-2" style={{ gridTemplateColumns: "minmax(0, 1fr) 17rem" }}>
        <div className="stack">
          <SqlEditor text={text} onChange={setText} onRun={start} />
          {names.length > 0 ? (
            <div className="filters" aria-label="Parameters">
              {names.map((n) => <label key={n}>{n}<input value={values[n] ?? ""} onChange={(e) => setValues({ ...values, [n]: e.target.value })} /></label>)}
            </div>
          ) : null}
          <div className="row">
            <button className="primary" disabled={running} onClick={start}>Run</button>
            <button disabled={!running} onClick={cancel}>Cancel</button>
            <span className="muted small">Ctrl+Enter runs. {info.data ? `Limits: ${info.data.limits.join("; ")}.` : ""}</span>
          </div>
        </div>
        <Panel title="Questions to start with">
          <div className="samples">{info.data?.samples.map((s) => <button key={s.id} onClick={() => setText(s.sql)}>{s.title}</button>)}</div>
        </Panel>
      </div>
      {error ? <Failure error={error} /> : null}
      <ResultPanel result={result} running={running} startedMs={startedMs} maxRows={info.data?.maxRows ?? 0} />
    </>
  );
}

function useSqlRun() {
  const [result, setResult] = useState<Result | null>(null);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [startedMs, setStarted] = useState(0);
  const current = useRef<{ abort: AbortController; queryId: string } | null>(null);
  useEffect(() => () => current.current?.abort.abort(), []);

  const run = async (sql: string, params: Record<string, string>) => {
    const abort = new AbortController();
    const mine = { abort, queryId: "" };
    current.current = mine;
    setResult(null);
    setError(null);
    setRunning(true);
    setStarted(Date.now());
    try {
      await runSql(sql, params, abort.signal, (e) => {
        if (e.event === "start") mine.queryId = e.queryId;
        else if (e.event === "columns") setResult({ names: e.names, types: e.types, rows: [], end: null });
        else if (e.event === "rows") setResult((r) => (r ? { ...r, rows: [...r.rows, ...e.rows] } : r));
        else if (e.event === "end") setResult((r) => ({ ...(r ?? { names: [], types: [], rows: [] }), end: e }));
        else setError(new Error(e.message));
      });
    } catch (failure) {
      setError(abort.signal.aborted ? new Error("cancelled") : (failure as Error));
    } finally {
      setRunning(false);
    }
  };
  const cancel = () => {
    const { queryId, abort } = current.current ?? {};
    if (queryId) void post("/api/sql/cancel", { queryId }).catch(() => abort?.abort());
    else abort?.abort();
  };
  return { result, running, startedMs, error, run, cancel };
}

function ResultPanel({ result, running, startedMs, maxRows }: { result: Result | null; running: boolean; startedMs: number; maxRows: number }) {
  const now = useNow(running ? 200 : 60_000);
  if (running && !result?.end) {
    return <Panel title={`Running, ${Math.max(0, (now - startedMs) / 1000).toFixed(1)} s, ${count(result?.rows.length ?? 0)} rows so far`}><p className="muted">Cancel stops the query in the store, too.</p></Panel>;
  }
  if (!result) return <Panel title="Result"><Empty title="No result yet">Write a statement that reads, or take a question from the right. The table of calls is called calls.</Empty></Panel>;
  const { end } = result;
  const state = !end ? "incomplete" : end.truncated === "rows" ? `the first ${count(maxRows)} rows; there are more` : end.truncated === "bytes" ? `the first ${count(end.rows)} rows; the result was too large` : `all ${count(end.rows)} rows`;
  return (
    <Panel title={`Result: ${state}`} aside={end ? <span className="muted small">{end.elapsedMs} ms, {bytes(end.bytes)}</span> : null} flush>
      {result.rows.length === 0 ? <Empty title="The statement ran and gave no rows" /> : (
        <div className="result">
          <table>
            <thead><tr>{result.names.map((n, i) => <th key={i} className={numeric(result.types[i]) ? "num" : ""}><Foreign text={n} /><span>{result.types[i]}</span></th>)}</tr></thead>
            <tbody>{result.rows.map((row, r) => <tr key={r}>{row.map((cell, i) => <td key={i} className={kind(result.types[i])}><Cell name={result.names[i] ?? ""} value={cell} /></td>)}</tr>)}</tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

const kind = (type: string | undefined): string => (numeric(type) ? "num" : /^(Nullable\()?Date/.test(type ?? "") ? "time" : "");
const numeric = (type: string | undefined): boolean => /^(Nullable\()?(U?Int|Float|Decimal)/.test(type ?? "");

function Cell({ name, value }: { name: string; value: unknown }) {
  if (value === null) return <span className="muted">NULL</span>;
  if (name === "call_id" && typeof value === "string") return <Link to="/calls/$id" params={{ id: value }}><Foreign text={value} /></Link>;
  return <Foreign text={typeof value === "object" ? JSON.stringify(value) : value} empty="''" />;
}

/** `{name:Type}` outside of strings and comments. */
function placeholders(sql: string): string[] {
  const bare = sql.replace(/'(?:\\.|''|[^'\\])*'|--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  return [...new Set([...bare.matchAll(/\{\s*([A-Za-z_]\w*)\s*:[^}]+\}/g)].map((m) => m[1]!))].slice(0, 40);
}

function readParams(json: string | undefined): Record<string, string> {
  try {
    const parsed: unknown = JSON.parse(json ?? "{}");
    return typeof parsed === "object" && parsed !== null ? Object.fromEntries(Object.entries(parsed).map(([k, v]) => [k, String(v)])) : {};
  } catch {
    return {};
  }
}
