import { expect, it } from "vitest";
import { appendedIndex } from "../../../proxy/people/appended-index.ts";
import { findApproval } from "../../../proxy/people/approvals.ts";
import type { ControlState } from "../../../proxy/state/control-state.ts";
import { randomFrom } from "../../support/random.ts";
import { Desk, heldRequest, t0 } from "./control.ts";

it("finds what a full look at the map finds, however the events come and whatever is let go of", () => {
  const random = randomFrom(7);
  const state = { seq: 0, map: new Map<string, { key: string; n: number }>() };
  const find = appendedIndex(() => state.map, (value) => value.key);
  for (let step = 1; step <= 5000; step++) {
    state.seq++;
    const dice = random();
    const known = [...state.map.keys()];
    if (dice < 0.5) state.map.set(`id-${step}`, { key: `k-${Math.floor(random() * 20)}`, n: step });
    else if (dice < 0.8 && known.length > 0) {
      const id = known[Math.floor(random() * known.length)]!;
      state.map.set(id, { ...state.map.get(id)!, n: step });
    }
    if (state.map.size > 60) state.map.delete(state.map.keys().next().value!);
    if (random() > 0.4) continue;
    const key = `k-${Math.floor(random() * 20)}`;
    const found = find(state as never as ControlState, key).filter((id) => state.map.has(id));
    expect(found).toEqual([...state.map].filter(([, value]) => value.key === key).map(([id]) => id));
  }
});

it("finds an approval among ten thousand after every change within a fraction of a millisecond", () => {
  const desk = new Desk();
  for (let i = 0; i < 10_000; i++) desk.record({ kind: "approval.requested", approval: { ...heldRequest, policyIds: [], approvalId: `ap-${i}`, requestDigest: `d${i}`, expiresMs: t0 + 1e6, needed: 1 } });
  const call = { agent: "triage-bot", principal: "ana", taskId: "", requestDigest: "d77", policyVersion: "v1" };
  findApproval(desk.state, call, t0);
  const times = Array.from({ length: 50 }, (_, i) => {
    desk.record({ kind: "approval.used", approvalId: `ap-${i}` });
    const start = performance.now();
    expect(findApproval(desk.state, call, t0).kind).toBe(i < 77 ? "pending" : "none");
    return performance.now() - start;
  });
  expect(times.sort((a, b) => a - b)[25]).toBeLessThan(1);
});
