import { afterAll, beforeAll, expect, test } from "vitest";
import { createStoreClient, type Store } from "../../../collector/store/client.ts";
import { plant, plants, type Planted } from "../../demo/month/incidents.ts";
import { judge, ownStretches } from "../../demo/month/judge.ts";
import { publishControl } from "../../demo/month/month.ts";
import { verdictLines } from "../../demo/month/print.ts";
import { record } from "../../demo/month/records.ts";
import { registryFiles } from "../../demo/month/servers.ts";
import { ordinaryMonth } from "../../demo/month/traffic.ts";
import { works } from "../../demo/month/work.ts";
import { keptForEver } from "../../demo/shared.ts";
import { seededRandom } from "../../support/random.ts";
import { startStack, type Stack } from "../../support/stack.ts";

/** From Monday to Thursday, with what needs no weeks of history planted on the last day. */
const days = 4;
const random = seededRandom(42);
const last = days - 1;
const planted: readonly Planted[] = [
  plants.denialSpike(last),
  plants.latencyJump(last),
  plants.errorPattern(last, random),
  plants.retryStorm(last),
  plants.scopeEscape(last),
  plants.taintFlow(last),
  plants.unusualSequence(last),
  plants.toolChange(last),
];
let stack: Stack;
let store: Store;

beforeAll(async () => {
  const calls = plant(ordinaryMonth(days, random), planted, random);
  stack = await startStack({ roles: ["store", "collector"], servers: registryFiles(days), rules: [], agents: works.map((work) => work.agent), config: { store: { retention: keptForEver } } });
  store = createStoreClient({ url: stack.storeUrl, caller: "test" });
  expect(await record(calls, { dataDir: stack.dataDir, collectorUrl: stack.collectorUrl, random })).toBe(calls.length);
  await publishControl(store, stack, planted);
}, 300_000);
afterAll(async () => {
  await store?.close();
  await stack?.stop();
});

test("what was planted in four days of records is found by the job that should find it, nothing else is, and the stored SQL of every finding gives its numbers", async () => {
  const verdict = await judge({ store, planted, stretches: ownStretches(planted) });
  const said = verdictLines(verdict).join("\n");
  expect(verdict.incidents.filter((i) => i.found === null).map((i) => i.planted.name), said).toEqual([]);
  expect(verdict.checked.filter((c) => !c.reproduced), said).toEqual([]);
  expect(verdict.checked.filter((c) => !c.true).map((c) => c.finding.title), said).toEqual([]);
  expect(verdict).toMatchObject({ passed: true, failed: [] });
}, 300_000);

test("a verdict fails where an incident is missed, and where a finding's SQL gives other numbers than the finding", async () => {
  const [spike] = planted as [Planted];
  const stretches = ownStretches([spike]);
  const elsewhere = { ...spike, name: "ghost", label: { ...spike.label, entity: "nobody" }, also: [] };
  const missed = await judge({ store, planted: [spike, elsewhere], stretches });
  expect(missed.incidents.map((i) => i.found !== null)).toEqual([true, false]);
  expect(missed.passed).toBe(false);
  expect(verdictLines(missed).join("\n")).toMatch(/ghost +nobody +MISSED/);
  const altered: Store = { ...store, insert: (table, rows, options) => store.insert(table, table === "findings" ? rows.map((row) => ({ ...row, actual: 9999 })) : rows, options) };
  const wrong = await judge({ store: altered, planted: [spike], stretches });
  expect(wrong.incidents[0]?.found?.reproduced).toBe(false);
  expect(wrong.passed).toBe(false);
}, 300_000);
