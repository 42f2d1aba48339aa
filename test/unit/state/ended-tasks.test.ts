import { expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { createKeyAuthenticator } from "../../../proxy/identity/key-authenticator.ts";
import { createTaskAuthenticator } from "../../../proxy/identity/task-authenticator.ts";
import { serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";
import { judge } from "../../../proxy/relay/judge.ts";
import { createDeciders } from "../../../proxy/state/deciders.ts";
import { createLocalControl } from "../../../proxy/state/local-control.ts";
import { openTask } from "../../../proxy/tasks/open-task.ts";
import { seededRandom } from "../../support/random.ts";
import { anyCall, anyRules } from "../policy/random-rules.ts";
import { policySet } from "../policy/rules.ts";
import { operator } from "./scratch.ts";

const SEEDS = 300;
const STEPS = 40;

it("no set of rules, and no order of opening, closing and waiting, lets a call of an ended task through", async () => {
  let [through, keptOut] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const r = seededRandom(seed);
    const clock = manualClock(1_000_000);
    const control = createLocalControl({ clock, deciders: createDeciders({}) });
    const authenticator = createTaskAuthenticator(createKeyAuthenticator([], { defaultTaskClass: "unassigned" }), control);
    // Open to everybody: nothing but the task itself stands in the way.
    const policies = policySet(...anyRules(r), { id: "open", effect: "allow", match: { methods: ["*"] } });
    const entry = serverEntrySchema.parse({ name: "files", lifecycle: "approved", mode: r.pick(["enforce", "observe"]), endpoint: { transport: "stdio", command: "x" }, tools: {} }) as ServerEntry;
    const connection = {};
    const tasks: { token: string; taskId: string; endsMs: number }[] = [];

    for (let step = 0; step < STEPS; step++) {
      const task = tasks.length === 0 ? undefined : r.pick(tasks);
      const what = r.next();
      if (task === undefined || what < 0.15) {
        const ttlMs = r.int(1000, 20_000);
        const opened = await openTask(control, operator, { class: "triage", agent: "build", ttlMs });
        tasks.push({ token: opened.token, taskId: opened.taskId, endsMs: clock.nowMs() + ttlMs });
      } else if (what < 0.25) {
        await control.submit({ kind: "task.close", taskId: task.taskId }, operator);
        task.endsMs = Math.min(task.endsMs, clock.nowMs());
      } else if (what < 0.4) clock.advanceMs(r.int(1, 5000));
      else {
        const nowMs = clock.nowMs();
        const who = authenticator.authenticate(`Bearer ${task.token}`, undefined, nowMs, r.next() < 0.5 ? connection : undefined);
        const input = anyCall(r);
        const allowed = who.ok && judge({ policies }, entry, who.identity, input, "development", nowMs, input).enforced === "allow";
        if (nowMs >= task.endsMs) expect(allowed, `seed ${seed}, step ${step}`).toBe(false);
        if (allowed) through++;
        else if (nowMs >= task.endsMs) keptOut++;
      }
    }
  }
  expect(through).toBeGreaterThan(500);
  expect(keptOut).toBeGreaterThan(500);
});
