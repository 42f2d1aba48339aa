import { visible } from "../../alerts/index.ts";
import { formatChange, formatValue } from "./build.ts";
import { loadDefinition } from "./definition.ts";
import type { Report, ReportMetric, ReportPart } from "./report.ts";
import { sparkline } from "./svg.ts";

export type ReportFormat = "md" | "html" | "json";

export function renderReport(report: Report, format: ReportFormat): string {
  if (format === "json") return `${JSON.stringify(report, null, 2)}\n`;
  return format === "md" ? renderMarkdown(report) : renderHtml(report);
}

const value = (m: ReportMetric): string => (m.value === null ? "no data" : formatValue(m.value, m.unit));
const before = (m: ReportMetric): string => (m.previous === null ? "no earlier value" : `before ${formatValue(m.previous, m.unit)} (n = ${m.previousDenominator})`);
const share = (m: ReportMetric): string => (m.unit === "percent" ? `${m.numerator} of ${m.denominator}` : `n = ${m.denominator}`);
const footnote = (m: ReportMetric): string => `${m.definition} Definition ${m.definitionVersion}, SQL ${m.sqlSha256.slice(0, 12)}.`;
const incidents = (r: Report): string => `${r.incidents.opened} opened, ${r.incidents.resolved} resolved, ${r.incidents.open} open.`;
const coverage = (r: Report): string => `${r.coverage.calls} calls recorded; ${r.coverage.missingRecords === 0 ? "no record is missing" : `${r.coverage.missingRecords} records are missing`}${r.coverage.newestCall ? `; newest ${r.coverage.newestCall}` : ""}.`;

const partTitles = { team: "By team", server: "By server", environment: "By environment" } as const;
const partNames = { team: "no owner", server: "no server", environment: "no environment" } as const;
const partName = (part: ReportPart, row: ReportPart["rows"][number]): string => (row.name || partNames[part.dimension]) + (row.few ? " (few calls)" : "");
const shortTitle = (m: ReportMetric): string => loadDefinition("leadership").metrics.find((d) => d.id === m.id)?.short ?? m.title;

/** `96.0% (n 120, +1.5)`: the value, what it stands on, and how far it moved since the period before. */
function cell(r: Report, { metric, value, denominator, previous }: ReportPart["rows"][number]["cells"][number]): string {
  const m = r.metrics.find((one) => one.id === metric);
  if (m === undefined || value === null) return denominator > 0 ? `- (n ${denominator})` : "-";
  return `${formatValue(value, m.unit)} (n ${denominator}${previous === null ? "" : `, ${formatChange(value, previous, m.unit)}`})`;
}

/** Names come from agents and servers: what Markdown would read as markup is escaped. */
const md = (text: string): string => visible(text).replace(/[\\`*_{}[\]<>#+!|~]/g, "\\$&");

export function renderMarkdown(r: Report): string {
  const out = [`# ${md(r.title)}`, "", `${md(r.period)}. As of ${r.asOf}. ${coverage(r)}`, "", "| Number | Value | Target | Status | Before |", "| --- | --- | --- | --- | --- |"];
  for (const m of r.metrics) out.push(`| ${md(m.title)} | **${value(m)}** (${share(m)}) | ${formatValue(m.target, m.unit)} | ${m.status} | ${before(m)} |`);
  out.push("", "## What changed", "", ...(r.changes.length > 0 ? r.changes.map((c) => `- ${md(c)}`) : ["Nothing, or there is no earlier period to compare with."]));
  for (const part of r.parts.filter((one) => one.rows.length > 0)) {
    out.push("", `## ${partTitles[part.dimension]}`, "", `| Name | ${r.metrics.map((m) => md(shortTitle(m))).join(" | ")} |`, `| --- |${" --- |".repeat(r.metrics.length)}`);
    for (const row of part.rows) out.push(`| ${md(partName(part, row))} | ${row.cells.map((one) => cell(r, one)).join(" | ")} |`);
    if (part.more > 0) out.push("", `${part.more} more are not listed.`);
  }
  out.push("", "## Behind the numbers");
  for (const m of r.metrics) {
    out.push("", `### ${md(m.offendersTitle)}`, "");
    if (m.offenders.length === 0) out.push("None.");
    else {
      out.push("| Name | Gap | Owner |", "| --- | --- | --- |", ...m.offenders.map((o) => `| ${md(o.name)} | ${md(o.detail)} | ${md(o.owner) || "-"} |`));
      if (m.moreOffenders > 0) out.push("", `${m.moreOffenders} more are not listed.`);
      out.push("", `Next: ${md(m.action)}`);
    }
  }
  out.push("", "## Incidents", "", incidents(r), "", "## Method", "", ...r.metrics.map((m) => `- ${md(m.title)}: ${md(footnote(m))}`), "");
  return out.join("\n");
}

const h = (text: string): string => visible(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** One page without script, picture files or fonts: it opens from a mail, a disk or an archive alike. */
export function renderHtml(r: Report): string {
  const cards = r.metrics
    .map(
      (m) =>
        `<section class="card"><h2>${h(m.title)}</h2><p class="value">${h(value(m))}</p><p class="status ${m.status.replace(" ", "-")}">${statusMark[m.status]} ${m.status}</p>` +
        `<p class="small">${h(share(m))}; target ${h(formatValue(m.target, m.unit))}<br>${h(before(m))}</p>${sparkline(m.history.map((p) => p.value), m.target)}</section>`,
    )
    .join("");
  const tables = r.metrics
    .map((m) => {
      const rows = m.offenders.map((o) => `<tr><td>${o.link.startsWith("http") ? `<a href="${h(o.link)}">${h(o.name)}</a>` : h(o.name)}</td><td>${h(o.detail)}</td><td>${h(o.owner) || "-"}</td></tr>`).join("");
      const body = rows ? `<table><thead><tr><th>Name</th><th>Gap</th><th>Owner</th></tr></thead><tbody>${rows}</tbody></table><p class="small">${m.moreOffenders > 0 ? `${m.moreOffenders} more are not listed. ` : ""}Next: ${h(m.action)}</p>` : `<p class="small">None.</p>`;
      return `<section><h3>${h(m.offendersTitle)}</h3>${body}</section>`;
    })
    .join("");
  const parts = r.parts
    .filter((part) => part.rows.length > 0)
    .map((part) => {
      const rows = part.rows.map((row) => `<tr><td>${h(partName(part, row))}</td>${row.cells.map((one) => `<td>${h(cell(r, one))}</td>`).join("")}</tr>`).join("");
      return `<h2>${partTitles[part.dimension]}</h2><table><thead><tr><th>Name</th>${r.metrics.map((m) => `<th>${h(shortTitle(m))}</th>`).join("")}</tr></thead><tbody>${rows}</tbody></table>${part.more > 0 ? `<p class="small">${part.more} more are not listed.</p>` : ""}`;
    })
    .join("");
  const changes = r.changes.length > 0 ? `<ul>${r.changes.map((c) => `<li>${h(c)}</li>`).join("")}</ul>` : `<p>Nothing, or there is no earlier period to compare with.</p>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${h(r.title)}</title><style>${style}</style></head><body>
<header><h1>${h(r.title)}</h1><p>${h(r.period)}<br>As of ${h(r.asOf)}. ${h(coverage(r))}</p></header>
<div class="cards">${cards}</div>
<h2>What changed</h2>${changes}
${parts}
<h2>Behind the numbers</h2><div class="tables">${tables}</div>
<h2>Incidents</h2><p>${h(incidents(r))}</p>
<h2>Method</h2><ol class="small">${r.metrics.map((m) => `<li><b>${h(m.title)}.</b> ${h(footnote(m))}</li>`).join("")}</ol>
</body></html>
`;
}

const statusMark = { "on target": "\u25cf", "off target": "\u25b2", "no data": "\u25cb" } as const;

const style = `body{font:14px/1.5 system-ui,sans-serif;color:#1b2330;background:#fff;max-width:62rem;margin:2rem auto;padding:0 1.25rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}h3{font-size:.95rem;margin:1rem 0 .4rem}header p,.small{color:#566072;font-size:.82rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.75rem;margin-top:1.25rem}
.card{border:1px solid #d9dee7;border-radius:6px;padding:.8rem .9rem}.card h2{font-size:.82rem;margin:0;color:#566072;font-weight:600;min-height:2.4em}
.value{font-size:1.9rem;font-weight:650;margin:.2rem 0;font-variant-numeric:tabular-nums}.status{margin:0;font-size:.82rem;font-weight:600}
.on-target{color:#14713d}.off-target{color:#a4450b}.no-data{color:#566072}.card .small{margin:.3rem 0}
.tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:0 2rem}table{border-collapse:collapse;width:100%;font-size:.85rem}
th,td{text-align:left;padding:.28rem .5rem .28rem 0;border-bottom:1px solid #e6e9ef;vertical-align:top;overflow-wrap:anywhere}th{color:#566072;font-weight:600}
@media print{body{margin:0}.card,section{break-inside:avoid}}`;
