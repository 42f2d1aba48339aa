import { describe, expect, it } from "vitest";
import { activeVersions, chooseVersion } from "../../../proxy/registry/rollout.ts";
import { serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";
import { seededRandom } from "../../support/random.ts";

const stdio = (command: string) => ({ transport: "stdio", command });
const server = (rollout: object[], over: object = {}): ServerEntry =>
  serverEntrySchema.parse({ name: "files", version: "1", lifecycle: "approved", endpoint: stdio("one"), rollout, ...over });
const version = (name: string, over: object = {}) => ({ version: name, endpoint: stdio(`of-${name}`), ...over });
const keys = Array.from({ length: 10_000 }, (_, i) => `task-${i}`);

/** How many of the keys get each version. */
function shares(entry: ServerEntry, agent = "anyone"): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) {
    const { version } = chooseVersion(entry, { agent, key });
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}

describe("which version a caller gets", () => {
  it("is the server's own where there is no other", () => {
    expect(chooseVersion(server([]), { agent: "a", key: "k" })).toEqual({ version: "1", endpoint: expect.objectContaining({ command: "one" }) as unknown });
  });

  it("comes with the endpoint of that version", () => {
    const entry = server([version("2", { weight: 100 })]);
    expect(chooseVersion(entry, { agent: "a", key: "k" })).toEqual({ version: "2", endpoint: expect.objectContaining({ command: "of-2" }) as unknown });
  });

  it("follows the weights, and the rest is the server's own", () => {
    const counts = shares(server([version("2", { weight: 10 }), version("3", { weight: 25 })]));
    expect(counts["2"]! / keys.length).toBeCloseTo(0.1, 1);
    expect(counts["3"]! / keys.length).toBeCloseTo(0.25, 1);
    expect(counts["1"]! / keys.length).toBeCloseTo(0.65, 1);
  });

  it("is the same for the same key, and does not go back as the weight grows", () => {
    const [tenth, half] = [server([version("2", { weight: 10 })]), server([version("2", { weight: 50 })])];
    const at = (entry: ServerEntry, key: string) => chooseVersion(entry, { agent: "a", key }).version;
    for (const key of keys.slice(0, 500)) {
      expect(at(tenth, key)).toBe(at(structuredClone(tenth), key));
      if (at(tenth, key) === "2") expect(at(half, key)).toBe("2");
    }
  });

  it("is tried by other callers at another server", () => {
    const [files, mail] = [server([version("2", { weight: 50 })]), server([version("2", { weight: 50 })], { name: "mail" })];
    const differ = keys.filter((key) => chooseVersion(files, { agent: "a", key }).version !== chooseVersion(mail, { agent: "a", key }).version);
    expect(differ.length / keys.length).toBeCloseTo(0.5, 1);
  });

  it("is the one that the agent is pinned to, whatever the weights say", () => {
    const entry = server([version("2", { agents: ["canary-*", "build"] }), version("3", { weight: 100 })]);
    expect(shares(entry, "canary-7")).toEqual({ "2": keys.length });
    expect(shares(entry, "build")).toEqual({ "2": keys.length });
    expect(shares(entry, "builder")).toEqual({ "3": keys.length });
  });

  it("is the server's own again once the other is retired, and nobody else moves", () => {
    const before = server([version("2", { weight: 30, agents: ["build"] }), version("3", { weight: 30 })]);
    const after = server([version("2", { weight: 30, agents: ["build"], lifecycle: "retired" }), version("3", { weight: 30 })]);
    expect(chooseVersion(after, { agent: "build", key: keys[0]! }).version).not.toBe("2");
    for (const key of keys.slice(0, 500)) {
      const [was, is] = [before, after].map((entry) => chooseVersion(entry, { agent: "a", key }).version);
      expect(is).toBe(was === "2" ? "1" : was);
    }
  });
});

it("no set of weights and pins ever chooses a retired version, or one that is not there", () => {
  let elsewhere = 0;
  for (let seed = 1; seed <= 3000; seed++) {
    const r = seededRandom(seed);
    const rollout = Array.from({ length: r.int(0, 6) }, (_, i) =>
      version(`v${i}`, { weight: r.int(0, 101), agents: r.pick([[], ["*"], ["a*"], ["agent"], ["other", "*t"]]), lifecycle: r.pick(["approved", "retired"]) }),
    );
    const entry = server(rollout);
    const open = new Set(["1", ...entry.rollout.filter((one) => one.lifecycle === "approved").map((one) => one.version)]);
    expect(new Set(activeVersions(entry).map((one) => one.version))).toEqual(open);
    for (let n = 0; n < 5; n++) {
      const { version: chosen, endpoint } = chooseVersion(entry, { agent: r.pick(["agent", "a", "other", ""]), key: `task-${r.int(0, 1e6)}` });
      expect(open, `seed ${seed}`).toContain(chosen);
      expect(endpoint).toBe(chosen === "1" ? entry.endpoint : entry.rollout.find((one) => one.version === chosen)!.endpoint);
      if (chosen !== "1") elsewhere++;
    }
  }
  expect(elsewhere).toBeGreaterThan(3000);
});
