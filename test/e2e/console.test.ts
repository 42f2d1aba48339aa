import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { alertsConfigSchema, createAlerting, loadRules, packagedRulesDir } from "../../alerts/index.ts";
import { systemClock } from "../../collector/kernel/clock.ts";
import { silentLogger } from "../../collector/kernel/log.ts";
import { startConsole, type RunningConsole } from "../integration/dashboards/console.ts";
import { seed } from "../integration/dashboards/seed.ts";
import { startBrowser } from "../support/browser.ts";

const started = await startBrowser();
if (typeof started === "string") console.warn(`SKIPPED: the console's pages were not opened; ${started}`);

describe.skipIf(typeof started === "string")("the console in a browser", () => {
  const browser = started as Browser;
  let running: RunningConsole;
  let seeded: Awaited<ReturnType<typeof seed>>;
  let alertId = "";
  let page: Page;
  let faults: string[] = [];

  beforeAll(async () => {
    execFileSync(process.execPath, [fileURLToPath(new URL("../../.ci/build-web.ts", import.meta.url))], { stdio: "inherit" });
    running = await startConsole();
    seeded = await seed(running.store, Date.now());
    const alerting = createAlerting({ store: running.store, clock: systemClock, config: { ...alertsConfigSchema.parse({}), consoleUrl: running.url }, logger: silentLogger, notifiers: [], rules: loadRules(packagedRulesDir) });
    await alerting.tick(Date.now());
    await alerting.stop();
    const { alerts } = (await (await fetch(`${running.url}/api/alerts`)).json()) as { alerts: { id: string; state: string }[] };
    alertId = alerts.find((a) => a.state === "firing")!.id;
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on("console", (m) => m.type() === "error" && faults.push(m.text()));
    page.on("pageerror", (e) => faults.push(e.message));
    page.on("request", (r) => !r.url().startsWith(running.url) && faults.push(`a request to ${r.url()}`));
  });
  beforeEach(() => void (faults = []));
  afterAll(async () => {
    await browser.close();
    await running?.stop();
  });

  const open = async (path: string, text: string | RegExp): Promise<void> => {
    await page.goto(running.url + path);
    await page.getByText(text).first().waitFor({ timeout: 15_000 });
  };
  const clean = async (): Promise<void> => {
    expect(faults).toEqual([]);
    expect(await page.evaluate("window.pwned")).toBeUndefined();
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  };

  it.each<[string, () => string, string | RegExp]>([
    ["the overview", () => "/", "Calls and denials"],
    ["the calls", () => "/calls?last=1d", "100 newest calls"],
    ["a denied call", () => `/calls/${seeded.deniedCall}`, /It was denied explicitly/],
    ["a call whose every name is hostile", () => `/calls/${seeded.hostileCall}`, "U+202E"],
    ["a call that is not there", () => "/calls/proxy-a1b2-9999999", "there is no call"],
    ["the findings", () => "/findings", "Denials on github/create_issue"],
    ["a finding", () => `/findings/${seeded.finding.findingId}`, "Who and what contributes"],
    ["the alerts", () => "/alerts", "Denials on github/create_issue"],
    ["an alert", () => `/alerts/${alertId}`, "How far it reaches"],
    ["the report", () => "/reports", "Servers without an owner or a tier"],
    ["the SQL box", () => "/sql", "Questions to start with"],
    ["a page that is not there", () => "/nothing", "There is no such page"],
  ])("opens %s without errors, foreign requests or markup that runs", async (name, path, text) => {
    await open(path(), text);
    // The browser itself notes a 404 of the API as an error; what the page says about it is what counts.
    if (name.includes("not there")) faults = faults.filter((f) => !f.includes("404"));
    await clean();
  });

  it("runs a query in the SQL box, and shows hostile cells as text", async () => {
    await open("/sql", "Questions to start with");
    await page.locator(".cm-content").fill("SELECT agent, count() AS n FROM calls GROUP BY agent ORDER BY n");
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByText("Result: all 4 rows").waitFor();
    await page.getByRole("cell", { name: /onerror/ }).waitFor();
    await clean();
  });

  it("takes the evidence of a finding into the SQL box with its parameters", async () => {
    await open(`/findings/${seeded.finding.findingId}`, "Evidence");
    await page.getByRole("link", { name: "Run in SQL" }).click();
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByText("Result: all 1 rows").waitFor();
    await clean();
  });

  it("acknowledges an alert with a name and a reason", async () => {
    await open(`/alerts/${alertId}`, "What happened");
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.getByLabel("Your name").fill("ana");
    await page.getByLabel("Reason").fill("looking at it");
    await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
    await page.getByText("looking at it").waitFor();
    await clean();
  });

  it("keeps a filter in the address, so that the page can be passed on", async () => {
    await open("/calls?last=1d", "100 newest calls");
    await page.getByLabel("Decision").selectOption("hold");
    await page.waitForURL(/decision=hold/);
    await page.getByRole("cell", { name: "refund-agent" }).first().waitFor();
    await page.reload();
    await page.getByRole("cell", { name: "refund-agent" }).first().waitFor();
    expect(await page.getByRole("cell", { name: "triage-bot" }).count()).toBe(0);
    await clean();
  });
});
