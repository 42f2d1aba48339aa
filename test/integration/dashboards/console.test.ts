import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildReport, createRawQuery, deliverReport, explainCall } from "../../../dashboards/index.ts";
import { startConsole, type RunningConsole } from "./console.ts";
import { hostile, seed } from "./seed.ts";

let running: RunningConsole;
let seeded: Awaited<ReturnType<typeof seed>>;
const nowMs = Date.now();

beforeAll(async () => {
  running = await startConsole();
  seeded = await seed(running.store, nowMs);
});
afterAll(() => running.stop());

const get = async (path: string): Promise<{ status: number; body: any }> => {
  const response = await fetch(running.url + path);
  return { status: response.status, body: await response.json() };
};
const own = { "content-type": "application/json", "x-signalbox-console": "1" };
const runSql = async (sql: string, params = {}): Promise<any[]> => {
  const response = await fetch(`${running.url}/api/sql/run`, { method: "POST", headers: own, body: JSON.stringify({ sql, params }) });
  if (!response.ok) return [{ status: response.status, ...((await response.json()) as object) }];
  return (await response.text()).trim().split("\n").map((line) => JSON.parse(line) as unknown);
};

describe("pages of calls", () => {
  it("follow each other without a gap or a repeat", async () => {
    const range = `from=${nowMs - 3600_000}&to=${nowMs}`;
    const [total] = await running.store.query<{ n: number }>(`SELECT toUInt32(count()) AS n FROM calls WHERE ts >= fromUnixTimestamp64Milli(${nowMs - 3600_000}) AND ts < fromUnixTimestamp64Milli(${nowMs})`);
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { body } = await get(`/api/calls?${range}&limit=90${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      seen.push(...body.calls.map((c: { id: string }) => c.id));
      cursor = body.cursor;
    }
    expect(seen).toHaveLength(total!.n);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("show a record once, although it was delivered twice", async () => {
    const [row] = await running.store.query<Record<string, unknown>>("SELECT * FROM calls WHERE seq = 5");
    await running.store.insert("calls", [{ ...row, result_bytes: 1801 }]);
    const { body } = await get(`/api/calls?from=${nowMs - 7 * 3600_000}&to=${nowMs}&task=task-0&limit=100`);
    expect(body.calls.filter((c: { id: string }) => c.id.endsWith("-5"))).toHaveLength(1);
  });

  it("take every filter as a value, whatever is in it", async () => {
    const { status, body } = await get(`/api/calls?from=${nowMs - 3600_000}&to=${nowMs}&agent=${encodeURIComponent(hostile)}`);
    expect([status, body.calls.length]).toEqual([200, 1]);
    expect((await get(`/api/calls?agent=${encodeURIComponent("' OR 1=1 --")}`)).body.calls).toEqual([]);
    expect((await get("/api/calls?cursor=broken")).status).toBe(400);
  });
});

describe("the explanation of a call", () => {
  it("cites the rule as it stood in the version that decided", async () => {
    const e = await explainCall(running.store, seeded.deniedCall);
    expect(e.words.join(" ")).toMatch(/was denied explicitly: a rule decided\. Policy version v1/);
    expect(e.decision.rules).toMatchObject([{ id: "deny.external_repo", effect: "deny", text: expect.stringContaining("create_issue") }]);
    expect(e.registry).toMatchObject({ revision: "r1", known: true, entry: { owner: "team-dev" } });
    expect(e.timing).toEqual({ totalUs: 1150, proxyUs: 900, upstreamUs: null, otherUs: 250 });
    expect(e.chain).toMatchObject({ complete: true, seq: Number(seeded.deniedCall.split("-").at(-1)) });
  });

  it("is 404 for a call that is not there", async () => {
    expect((await get("/api/calls/proxy-a1b2-99999999")).status).toBe(404);
    expect((await get("/api/calls/nonsense")).status).toBe(404);
  });
});

describe("the SQL box", () => {
  it("streams columns, rows and an end that says whether it is all", async () => {
    const events = await runSql("SELECT number AS n, {word:String} AS w FROM numbers(450)", { word: "x" });
    expect(events.map((e) => e.event)).toEqual(["start", "columns", "rows", "rows", "rows", "end"]);
    expect(events[1]).toMatchObject({ names: ["n", "w"], types: ["UInt64", "String"] });
    expect(events.at(-1)).toMatchObject({ rows: 450, truncated: "" });
  });

  it("stops at its row limit and says so", async () => {
    const events = await runSql("SELECT number FROM numbers(5000000)");
    expect(events.at(-1)).toMatchObject({ event: "end", rows: 1000, truncated: "rows" });
  });

  it("reports the store's own error", async () => expect((await runSql("SELECT nothing_like_it FROM calls")).at(-1)).toMatchObject({ event: "error", message: expect.stringContaining("nothing_like_it") }));

  it.each(["DROP TABLE calls", "SELECT 1; SELECT 2", "INSERT INTO calls (seq) VALUES (1)", "SELECT * FROM file('/etc/passwd')"])("refuses %s", async (sql) => expect(await runSql(sql)).toMatchObject([{ status: 400 }]));

  it("leaves writing to nobody even where the guard would not see it", async () => {
    const raw = createRawQuery({ url: running.storeUrl, username: "readonly", password: "", database: "signalbox", maxConcurrent: 1, timeoutMs: 5000 });
    const attempt = async () => {
      for await (const _ of raw.run({ statement: "CREATE TABLE x (a Int8) ENGINE = Memory", params: {}, queryId: "q1", settings: {}, signal: new AbortController().signal }));
    };
    await expect(attempt()).rejects.toThrow(/readonly/i);
    await raw.stop();
  });

  it("ends a query in the store when it is cancelled", async () => {
    const response = await fetch(`${running.url}/api/sql/run`, { method: "POST", headers: own, body: JSON.stringify({ sql: "SELECT count() FROM numbers(150000000) WHERE NOT ignore(sipHash128(number, number))" }) });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const first = JSON.parse((await reader.read()).value!) as { queryId: string };
    const cancel = await fetch(`${running.url}/api/sql/cancel`, { method: "POST", headers: own, body: JSON.stringify({ queryId: first.queryId }) });
    expect(cancel.status).toBe(200);
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) rest += part.value;
    expect(JSON.parse(rest)).toMatchObject({ event: "error", message: "cancelled" });
  });

  it("runs every question to start with, and the evidence of a finding", async () => {
    const { body } = await get("/api/sql");
    for (const s of body.samples) expect((await runSql(s.sql)).at(-1), s.id).toMatchObject({ event: "end" });
    const { finding } = (await get(`/api/findings/${seeded.finding.findingId}`)).body;
    expect((await runSql(finding.evidenceSql, finding.evidenceParams)).at(-1)).toMatchObject({ event: "end", rows: 1 });
  });
});

describe("reports", () => {
  it("give the names behind each number", async () => {
    const { body } = await get(`/api/reports/preview?from=${nowMs - 7 * 86_400_000}&to=${nowMs}`);
    const by = (id: string) => body.metrics.find((m: { id: string }) => m.id === id);
    expect(by("owner_and_tier")).toMatchObject({ numerator: 1, denominator: 3, status: "off target" });
    expect(by("owner_and_tier").offenders.map((o: { name: string }) => o.name).sort()).toEqual(["payments", "tickets"]);
    expect(by("high_risk_exception_rate").offenders[0].name).toBe("exc-14");
    expect(by("time_to_investigate")).toMatchObject({ value: null, status: "no data" });
  });

  it("stay as they were delivered", async () => {
    const report = await buildReport({ store: running.store, nowMs, timeZone: "UTC" }, { fromMs: nowMs - 7 * 86_400_000, toMs: nowMs });
    const name = await deliverReport(running.reportsDir, report);
    expect((await get("/api/reports")).body.reports.map((r: { name: string }) => r.name)).toEqual([name]);
    expect((await get(`/api/reports/${name}`)).body).toEqual(report);
    const html = await fetch(`${running.url}/api/reports/${name}?format=html`);
    expect(html.headers.get("content-type")).toContain("text/html");
    expect((await get("/api/reports/..%2f..%2fetc%2fpasswd")).status).toBe(404);
  });
});

it("health says what is complete, and what is not", async () => {
  const { body } = await get("/api/health");
  expect(body).toMatchObject({ status: "ok", missingRecords: 0, notifications: { dead: 0 } });
  expect(body.jobs.map((j: { job: string }) => j.job)).toContain("denial-spikes");
});

it("the overview adds up to the calls of its range", async () => {
  const { body } = await get(`/api/overview?from=${nowMs - 24 * 3600_000}&to=${nowMs}`);
  expect(body.series.reduce((sum: number, r: number[]) => sum + r[1]!, 0)).toBe(body.totals.total);
  expect(body.totals.denied).toBeGreaterThan(150);
  expect(body.metrics).toHaveLength(4);
});
