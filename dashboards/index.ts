export { createConsoleApp, type ConsoleDeps } from "./app.ts";
export { runBackend } from "./backend.ts";
export { dashboardsConfigSchema, type DashboardsConfig } from "./config.ts";
export { explainCall, type Explanation } from "./explain.ts";
export { buildReport } from "./reports/build.ts";
export { deliverReport } from "./reports/deliver.ts";
export { renderReport, type ReportFormat } from "./reports/render.ts";
export { reportSchema, type Report } from "./reports/report.ts";
export { createRawQuery, type RawQuery } from "./sql/raw-query.ts";
