import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Outbox } from "../../../proxy/upstream/http/outbox.ts";

test("a lone request leaves at once, those of one turn together at its end, and after such a turn the next one's too", async () => {
  const outbox = new Outbox();
  const left: string[] = [];
  const send = (name: string): void => outbox.send(() => void left.push(name));
  send("a");
  expect(left).toEqual(["a"]);
  send("b");
  send("c");
  expect(left).toEqual(["a"]);
  await turn();
  expect(left).toEqual(["a", "b", "c"]);
  send("d");
  expect(left).toEqual(["a", "b", "c"]);
  await turn();
  expect(left).toEqual(["a", "b", "c", "d"]);
  send("e");
  expect(left).toEqual(["a", "b", "c", "d", "e"]);
});

test("what is sent while others leave waits for the turn after", async () => {
  const outbox = new Outbox();
  const left: string[] = [];
  outbox.send(() => {});
  outbox.send(() => outbox.send(() => void left.push("later")));
  await turn();
  await turn();
  expect(left).toEqual(["later"]);
});
