import { join } from "node:path";
import { analyticsConfigSchema, createJobs, runJobsOver } from "../../../analytics/index.ts";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { loadControlPlane } from "../../../proxy/load-control-plane.ts";
import { createPublisher } from "../../../proxy/registry/publish.ts";
import { toRow } from "../../../proxy/state/publish-events.ts";
import { seededRandom } from "../../support/random.ts";
import { startStack, type Stack } from "../../support/stack.ts";
import { waitFor } from "../../support/wait.ts";
import { demoPorts, emptyDir, keptForEver, untilInterrupted } from "../shared.ts";
import { plant, plantedIncidents, type Planted } from "./incidents.ts";
import { judge, stretchesOf, type Verdict } from "./judge.ts";
import { verdictJson, verdictLines } from "./print.ts";
import { record } from "./records.ts";
import { registryFiles } from "./servers.ts";
import { monthStartMs, ordinaryMonth } from "./traffic.ts";
import { day, hour, works } from "./work.ts";

const days = 28;

export interface MonthOptions {
  readonly dir: string;
  readonly seed: number;
  /** Run the jobs over every window of the month, which takes over an hour. */
  readonly whole: boolean;
  readonly once: boolean;
  readonly freePorts: boolean;
  readonly json: boolean;
  readonly say: (line: string) => void;
}

/** npm run demo -- --month: makes the month, runs the live jobs over it, and says what they found of what was planted. */
export async function runMonth(options: MonthOptions): Promise<Verdict> {
  const { dir, say } = options;
  const random = seededRandom(options.seed);
  const planted = plantedIncidents(random);
  const calls = plant(ordinaryMonth(days, random), planted, random);
  const stretches = stretchesOf(planted, days, random, options.whole);
  say(`signalbox demo: ${calls.length} calls of ${works.length} agents from ${isoDay(monthStartMs)} on, ${days} days, with ${planted.length} planted incidents`);
  emptyDir(dir);
  const stack = await startStack({
    dir,
    roles: ["store", "collector"],
    servers: registryFiles(days),
    rules: [],
    agents: works.map((work) => work.agent),
    ports: options.freePorts ? undefined : [...demoPorts],
    // The jobs are run below at the month's own time; live ones would only look at today, where nothing happened.
    config: { analytics: { enabled: [] }, dashboards: { reports: { enabled: false } }, store: { retention: keptForEver } },
  });
  const store = createStoreClient({ url: stack.storeUrl, caller: "demo" });
  try {
    const records = await record(calls, { dataDir: stack.dataDir, collectorUrl: stack.collectorUrl, random, onProgress: tenths("recorded", say) });
    say(`${records} records, all acknowledged by the collector`);
    await publishControl(store, stack, planted);
    const verdict = await judge({ store, planted, stretches, onProgress: tenths("judged", say) });
    await learn(store, monthStartMs + days * day);
    if (options.json) console.log(JSON.stringify({ records, ...verdictJson(verdict) }, null, 2));
    for (const line of ["", ...verdictLines(verdict)]) say(line);

    await stack.start("backend");
    say("");
    say(`console  ${stack.consoleUrl}/?from=${new Date(monthStartMs).toISOString()}&to=${new Date(monthStartMs + days * day).toISOString()}`);
    if (!options.once) {
      say("");
      say("Ctrl-C ends the demo.");
      await untilInterrupted();
    }
    return verdict;
  } finally {
    await store.close();
    await stack.stop({ keep: true });
  }
}

/** The registry and the control plane's events as a proxy publishes them. */
export async function publishControl(store: Store, { dir, dataDir }: Pick<Stack, "dir" | "dataDir">, planted: readonly Planted[]): Promise<void> {
  const plane = loadControlPlane({ registryDir: join(dir, "registry"), policyDir: join(dir, "policies"), keysFile: join(dir, "keys.yaml"), dataDir });
  const publisher = createPublisher({ store, clock: manualClock(monthStartMs), logger: silentLogger });
  try {
    publisher.registry(plane.registry);
    await waitFor("the registry in the store", async () => (await store.query("SELECT server FROM registry_servers LIMIT 1")).length > 0);
  } finally {
    await publisher.stop();
  }
  const events = planted.flatMap(({ event }) => event ?? []).sort((a, b) => a.atMs - b.atMs);
  await store.insert("control_events", events.map((event, i) => toRow("month", { ...event, seq: i + 1 })));
}

/** What the pages compare with: the newest baselines and the four numbers. */
async function learn(store: Store, endMs: number): Promise<void> {
  const jobs = createJobs(analyticsConfigSchema.parse({ enabled: ["baselines", "leadership-metrics"] }));
  await runJobsOver({ jobs, store, fromMs: endMs - hour, toMs: endMs });
}

const isoDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Says how far it is at every tenth. */
function tenths(what: string, say: (line: string) => void): (done: number, of: number) => void {
  let said = 0;
  return (done, of) => {
    const tenth = Math.floor((10 * done) / of);
    if (tenth > said) say(`  ${what} ${10 * tenth} %`);
    said = tenth;
  };
}
