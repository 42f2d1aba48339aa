import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { manualClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { createHeldArguments, type HeldArguments } from "../../../proxy/people/held-arguments.ts";
import { waitFor } from "../../support/wait.ts";
import { ben, controlOf, Desk, heldRequest, hour, request, t0 } from "./control.ts";

let directory: string;
let desk: Desk;
let kept: HeldArguments;
let control: ReturnType<typeof controlOf>;
const open = () => createHeldArguments({ directory, control, clock: { ...manualClock(t0), nowMs: () => desk.nowMs }, logger: silentLogger });

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "signalbox-held-")), "approvals");
  desk = new Desk();
  control = controlOf(desk);
  kept = open();
});
afterEach(() => {
  kept.stop();
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

const params = { name: "create_issue", arguments: { title: "x", n: 9007199254740993n }, _meta: { progressToken: 1 } };

it("keeps what a call asks for, for the proxy's own user, and after a restart too", async () => {
  const id = request(desk);
  await kept.put(id, params);
  expect(await open().read(id)).toBe('{"arguments":{"n":9007199254740993,"title":"x"},"name":"create_issue"}');
  expect(statSync(join(directory, `${id}.json`)).mode & 0o777).toBe(0o600);
});

it("removes it as soon as the request is decided", async () => {
  const id = request(desk);
  await kept.put(id, params);
  await control.submit({ kind: "approval.decide", approvalId: id, verdict: "approve" }, ben);
  expect(await kept.read(id)).toBeNull();
  await waitFor("the file to be gone", () => readdirSync(directory).length === 0);
});

it("keeps it for the second of two people", async () => {
  const id = request(desk, { effect: "destructive" });
  await kept.put(id, params);
  await control.submit({ kind: "approval.decide", approvalId: id, verdict: "approve" }, ben);
  expect(await kept.read(id)).toContain("create_issue");
});

it("shows nothing of an expired request and removes it with the next one", async () => {
  const id = request(desk);
  await kept.put(id, params);
  desk.nowMs += hour;
  expect(await kept.read(id)).toBeNull();
  const next = request(desk, { ...heldRequest, requestDigest: "d2" });
  await kept.put(next, params);
  expect(readdirSync(directory)).toEqual([`${next}.json`]);
});

it("leaves a file alone whose request another worker may know, until it is too old for any", async () => {
  const file = join(directory, "ap-elsewhere.json");
  writeFileSync(file, "{}");
  utimesSync(file, t0 / 1000, t0 / 1000);
  await kept.sweep();
  expect(readdirSync(directory)).toHaveLength(1);
  desk.nowMs += 9 * 24 * hour;
  await kept.sweep();
  expect(readdirSync(directory)).toHaveLength(0);
});

it("takes no id that is a path", async () => {
  for (const id of ["../x", "ap-../../x", "", "q-1"]) {
    await kept.put(id, params);
    expect(await kept.read(id)).toBeNull();
  }
  expect(readdirSync(join(directory, ".."))).toEqual(["approvals"]);
  expect(readdirSync(directory)).toEqual([]);
});

it("keeps no more than its bound", async () => {
  const id = request(desk);
  await kept.put(id, { text: "x".repeat(100_000) });
  expect(await kept.read(id)).toHaveLength(65_536);
});
