import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { get } from "../api.ts";
import { ago } from "../time.ts";
import { count } from "../format.ts";
import type { AlertItem, Health } from "../types.ts";
import { RangePicker, useNow } from "./range.tsx";
import { useTheme } from "./theme.tsx";

const pages = [
  { to: "/", label: "Overview", fallback: "1d" },
  { to: "/calls", label: "Calls", fallback: "1h" },
  { to: "/findings", label: "Findings", fallback: "7d" },
  { to: "/alerts", label: "Alerts", fallback: "7d" },
  { to: "/reports", label: "Reports", fallback: "" },
  { to: "/sql", label: "SQL", fallback: "" },
] as const;

export function Shell() {
  const { pathname } = useLocation();
  const page = [...pages].reverse().find((p) => pathname === p.to || (p.to !== "/" && pathname.startsWith(`${p.to}/`)));
  const ranged = page?.fallback && pathname === page.to;
  const alerts = useQuery({ queryKey: ["alerts", "active"], queryFn: () => get<{ alerts: AlertItem[] }>("/api/alerts"), refetchInterval: 15_000 });
  const firing = alerts.data?.alerts.filter((a) => a.state === "firing").length ?? 0;
  const { theme, toggle } = useTheme();
  return (
    <div className="shell">
      <nav className="nav" aria-label="Pages"><div className="inner">
        <div className="brand">
          <svg viewBox="0 0 24 24" aria-hidden="true"><rect x="4" y="2" width="16" height="20" rx="4" fill="none" stroke="currentColor" strokeWidth="1.6" /><circle cx="12" cy="8" r="3" fill="#e4593b" /><circle cx="12" cy="16" r="3" fill="#3fae6a" /></svg>
          Signalbox
        </div>
        {pages.map((p) => (
          <Link key={p.to} to={p.to} {...(page?.to === p.to ? { "aria-current": "page" as const } : {})}>
            {p.label}
            {p.to === "/alerts" && firing > 0 ? <span className="count" aria-label={`${firing} firing`}>{firing}</span> : null}
          </Link>
        ))}
        <div className="foot">
          <button onClick={toggle}>{theme === "dark" ? "Light" : "Dark"} theme</button>
          <span>All times UTC</span>
        </div>
      </div></nav>
      <div className="main">
        <div className="top">
          <HealthStrip />
          {ranged ? <RangePicker fallback={page.fallback} /> : null}
        </div>
        <main className="content">
          <Outlet />
        </main>
      </div>
    </div>
  );
}

/** Whether to believe what the pages show. */
function HealthStrip() {
  const now = useNow(5_000);
  const health = useQuery({ queryKey: ["health"], queryFn: () => get<Health>("/api/health"), refetchInterval: 5_000 });
  const h = health.data;
  if (health.isError) return <div className="health" role="status"><span><i className="dot bad" />Backend not reached</span></div>;
  if (!h) return <div className="health" role="status">Checking</div>;
  if (h.status !== "ok") return <div className="health" role="status"><span><i className="dot warn" />Waiting for the store</span></div>;
  const failing = h.jobs?.filter((j) => j.status !== "ok") ?? [];
  // The rarest job runs every hour.
  const late = h.jobs?.filter((j) => j.status === "ok" && now - j.lastMs > 90 * 60_000) ?? [];
  const missing = h.missingRecords ?? 0;
  const dead = h.notifications?.dead ?? 0;
  return (
    <div className="health" role="status">
      <span><i className={`dot ${h.newestCallMs ? "ok" : "warn"}`} />{h.newestCallMs ? `Newest call ${ago(h.newestCallMs, now)} ago` : "No calls in 24 h"}</span>
      <span><i className={`dot ${missing === 0 ? "ok" : "bad"}`} />{missing === 0 ? "Register complete" : `${count(missing)} records missing`}</span>
      <span><i className={`dot ${failing.length > 0 ? "bad" : !h.jobs?.length || late.length > 0 ? "warn" : "ok"}`} />{!h.jobs?.length ? "No job has run yet" : failing.length > 0 ? `Failing: ${failing.map((j) => j.job).join(", ")}` : late.length > 0 ? `Late: ${late.map((j) => j.job).join(", ")}` : "Jobs fine"}</span>
      {dead > 0 ? <span><i className="dot bad" />{dead} notifications undelivered</span> : null}
    </div>
  );
}
