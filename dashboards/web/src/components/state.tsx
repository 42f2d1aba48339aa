import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api.ts";

/** Nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <b>{title}</b>
      {children ? <span>{children}</span> : null}
    </div>
  );
}

/** A query's data, or why there is none. Old data stays on the page while new is fetched or fails. */
export function Loaded<T>({ query, children }: { query: UseQueryResult<T, Error>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError ? <Failure error={query.error} stale /> : null}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) return <Failure error={query.error} />;
  return (
    <div className="empty" role="status">
      Loading
    </div>
  );
}

export function Failure({ error, stale = false }: { error: Error; stale?: boolean }) {
  const waiting = error instanceof ApiError && error.status === 503;
  return (
    <div className={`notice ${waiting ? "" : "bad"}`} role="alert">
      <b>{waiting ? "Waiting for the store" : error.message}</b>
      {error instanceof ApiError && error.remedy ? <span className="muted"> {error.remedy}</span> : null}
      {stale ? <span className="muted"> What is shown is older.</span> : null}
    </div>
  );
}

export function Panel({ title, aside, flush = false, children }: { title: ReactNode; aside?: ReactNode; flush?: boolean; children: ReactNode }) {
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      <div className={flush ? "flush" : "body"}>{children}</div>
    </section>
  );
}
