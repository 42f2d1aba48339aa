import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from "@tanstack/react-router";
import { Shell } from "./components/shell.tsx";
import { Empty } from "./components/state.tsx";
import { timeSearch } from "./time.ts";

const text = (v: unknown): string | undefined => (typeof v === "string" && v !== "" ? v : typeof v === "number" ? String(v) : undefined);

export const callFilters = ["agent", "principal", "server", "tool", "method", "decision", "basis", "outcome", "rule", "task", "task_class", "tier"] as const;
export type CallFilter = (typeof callFilters)[number];

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <Empty title="There is no such page">
      <Link to="/">Go to the overview</Link>
    </Empty>
  ),
});

const overview = createRoute({ getParentRoute: () => root, path: "/", validateSearch: timeSearch, component: lazyRouteComponent(() => import("./pages/overview.tsx"), "Overview") });
const calls = createRoute({
  getParentRoute: () => root,
  path: "/calls",
  validateSearch: (search: Record<string, unknown>) => ({
    ...timeSearch(search),
    ...(Object.fromEntries(callFilters.map((f) => [f, text(search[f])]).filter(([, v]) => v !== undefined)) as Partial<Record<CallFilter, string>>),
    ...(text(search.live) === "off" ? { live: "off" } : {}),
  }),
  component: lazyRouteComponent(() => import("./pages/calls.tsx"), "Calls"),
});
const call = createRoute({ getParentRoute: () => root, path: "/calls/$id", component: lazyRouteComponent(() => import("./pages/call.tsx"), "Call") });
const findings = createRoute({
  getParentRoute: () => root,
  path: "/findings",
  validateSearch: (search: Record<string, unknown>) => ({ ...timeSearch(search), ...(text(search.detector) ? { detector: text(search.detector) } : {}) }),
  component: lazyRouteComponent(() => import("./pages/findings.tsx"), "Findings"),
});
const finding = createRoute({ getParentRoute: () => root, path: "/findings/$id", component: lazyRouteComponent(() => import("./pages/finding.tsx"), "FindingPage") });
const alerts = createRoute({ getParentRoute: () => root, path: "/alerts", validateSearch: timeSearch, component: lazyRouteComponent(() => import("./pages/alerts.tsx"), "Alerts") });
const alert = createRoute({ getParentRoute: () => root, path: "/alerts/$id", component: lazyRouteComponent(() => import("./pages/alert.tsx"), "AlertPage") });
const reports = createRoute({
  getParentRoute: () => root,
  path: "/reports",
  validateSearch: (search: Record<string, unknown>) => ({ ...timeSearch(search), ...(text(search.name) ? { name: text(search.name) } : {}) }),
  component: lazyRouteComponent(() => import("./pages/reports.tsx"), "Reports"),
});
const sql = createRoute({
  getParentRoute: () => root,
  path: "/sql",
  validateSearch: (search: Record<string, unknown>) => ({ ...(text(search.q) ? { q: text(search.q) } : {}), ...(text(search.params) ? { params: text(search.params) } : {}) }),
  component: lazyRouteComponent(() => import("./pages/sql.tsx"), "SqlPage"),
});

export const router = createRouter({ routeTree: root.addChildren([overview, calls, call, findings, finding, alerts, alert, reports, sql]), defaultPreload: false, scrollRestoration: true });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
