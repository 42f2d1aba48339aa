import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { limitSchema, type LimitFacts } from "../../../proxy/limits/limit.ts";
import { Limiter } from "../../../proxy/limits/limiter.ts";
import { limitSetOf } from "../../../proxy/limits/load-limits.ts";
import { shareLimits } from "../../../proxy/limits/share-limits.ts";
import { createDeciders } from "../../../proxy/state/deciders.ts";
import { createControlHub, type ControlHub } from "../../../proxy/state/hub.ts";
import type { ToPrimary, ToWorker } from "../../../proxy/state/peer.ts";
import { createControlReplica } from "../../../proxy/state/replica.ts";
import { waitFor } from "../../support/wait.ts";
import { channel, scratch } from "../state/scratch.ts";

let hub: ControlHub;
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await hub.stop();
});

const call: LimitFacts = { agent: "build", taskId: "tk-1", taskClass: "a", server: "files", tool: "read", effect: "read", budget: { calls: 6 } };
const set = limitSetOf([limitSchema.parse({ id: "r", per: "agent", rate: { calls: 1000, seconds: 1000 } })]);

async function worker(origin: string, everyMs: number) {
  const { one, other } = channel<ToPrimary, ToWorker>();
  hub.attach(other);
  const control = createControlReplica({ primary: one });
  await control.ready;
  const limiter = new Limiter({ limits: () => set, origin });
  const sharing = shareLimits({ limiter, control, clock: systemClock, everyMs });
  stops.push(() => sharing.stop());
  return { limiter, sharing };
}

it("what workers count becomes known to the others, at once where it is urgent, and to one that starts later", async () => {
  hub = await createControlHub({ dir: scratch(), deciders: createDeciders({}), clock: systemClock, logger: silentLogger });
  // A round of news that never comes by itself within the test.
  const [a, b] = [await worker("a", 1e6), await worker("b", 1e6)];
  for (const { limiter, sharing } of [a, b, a]) {
    limiter.enter(call, 0);
    sharing.nudge();
  }
  await waitFor("the budget to be known", () => a.limiter.done("tk-1").calls === 3 && b.limiter.done("tk-1").calls === 3, { everyMs: 5 });
  const late = await worker("c", 1e6);
  await waitFor("the late one to know", () => late.limiter.done("tk-1").calls === 3, { everyMs: 5 });
});

it("what is not urgent is told in its time", async () => {
  hub = await createControlHub({ dir: scratch(), deciders: createDeciders({}), clock: systemClock, logger: silentLogger });
  const [a, b] = [await worker("a", 20), await worker("b", 20)];
  const { budget: _, ...plain } = call;
  a.limiter.enter(plain, 0);
  a.sharing.nudge();
  expect(b.limiter.done("tk-1").calls).toBe(0);
  await waitFor("the count to be known", () => b.limiter.done("tk-1").calls === 1, { everyMs: 5 });
});
