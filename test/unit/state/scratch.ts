import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Actor } from "../../../proxy/state/command.ts";
import type { ControlEntry, ControlEvent, Task } from "../../../proxy/state/control-event.ts";
import type { Peer } from "../../../proxy/state/peer.ts";

export const scratch = (): string => mkdtempSync(join(tmpdir(), "signalbox-"));

export const operator: Actor = { principal: "ops", agent: "ops", roles: ["operator"] };
export const build: Actor = { principal: "ci", agent: "build", roles: ["agent"] };

export const stopEvent = (n: number): ControlEvent => ({ kind: "stop.set", stopId: `st-${n}`, scope: { agent: `agent-${n}` }, reason: "test" });
export const stopEntry = (seq: number): ControlEntry => ({ seq, atMs: 1000 + seq, by: "ops", event: stopEvent(seq) });

export const aTask = (over: Partial<Task> = {}): Task => ({
  taskId: "tk-1",
  class: "triage",
  owner: "ana",
  agent: "build",
  principal: "ci",
  workItem: "TICKET-1",
  budget: {},
  expiresMs: 10_000,
  tokenHash: "0".repeat(64),
  ...over,
});

/** Both ends of a channel, through which messages go in order, later, and as JSON: as between two processes. */
export function channel<A, B>(): { readonly one: Peer<A, B>; readonly other: Peer<B, A>; close(): void } {
  const gone: (() => void)[] = [];
  let open = true;
  const end = <Out, In>(to: { listeners: ((m: Out) => void)[] }, from: { listeners: ((m: In) => void)[] }): Peer<Out, In> => ({
    send(message) {
      const text = JSON.stringify(message);
      if (open) setImmediate(() => open && to.listeners.forEach((listener) => listener(JSON.parse(text) as Out)));
    },
    congested: false,
    onMessage: (listener) => void from.listeners.push(listener),
    onGone: (listener) => void gone.push(listener),
  });
  const toOne = { listeners: [] as ((m: B) => void)[] };
  const toOther = { listeners: [] as ((m: A) => void)[] };
  return {
    one: end<A, B>(toOther, toOne),
    other: end<B, A>(toOne, toOther),
    close() {
      open = false;
      for (const listener of gone) listener();
    },
  };
}
