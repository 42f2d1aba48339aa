import { expect, it } from "vitest";
import { judge } from "../../../proxy/relay/judge.ts";
import { isCallable } from "../../../proxy/registry/callable.ts";
import { lifecycles, serverEntrySchema, type ServerEntry } from "../../../proxy/registry/server-entry.ts";
import { call, policySet } from "./rules.ts";

/** A small generator with a seed, so that a failing round can be run again. */
function random(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!;
  const some = <T>(values: readonly T[]): T[] => values.filter(() => next() < 0.4);
  return { next, pick, some };
}

const names = ["files", "mail", "draft"];
const conditions = [undefined, undefined, "agent == 'build'", "has(args.path)", "args.path == 'x'", "args.missing > 1", "true"];

/** Any rule at all, mostly an open one: the less policy stands in the way, the harder the registry is tested. */
function anyRule(r: ReturnType<typeof random>, id: string): object {
  const match = {
    agents: r.some(["build", "*", "b*"]),
    taskClasses: r.some(["research", "*"]),
    servers: r.some([...names, "*", "f*"]),
    tools: r.some(["read_file", "*"]),
    methods: r.pick([["*"], ["tools/call"], ["tools/call", "*/list"], ["*/*"]]),
    effects: r.some(["read", "destructive"]),
  };
  const when = r.pick(conditions);
  return { id, effect: r.pick(["allow", "allow", "allow", "hold", "deny"]), match, ...(when ? { when } : {}) };
}

function anyServer(r: ReturnType<typeof random>): ServerEntry {
  return serverEntrySchema.parse({
    name: r.pick(names),
    lifecycle: r.pick(lifecycles),
    mode: r.pick(["enforce", "observe"]),
    environments: r.pick([["development"], ["production"], ["development", "production"]]),
    taskClasses: r.some(["research", "release"]),
    endpoint: { transport: "stdio", command: "x" },
    tools: { read_file: { effect: "read" } },
  });
}

it("no set of policies makes a server callable that the registry does not have, has not approved or has retired", () => {
  let allowed = 0;
  for (let seed = 1; seed <= 2000; seed++) {
    const r = random(seed);
    const policies = policySet(...Array.from({ length: 1 + Math.floor(r.next() * 8) }, (_, i) => anyRule(r, `r${i}`)));
    const entry = anyServer(r);
    const identity = { agent: "build", principal: "ci", delegation: [], credentialId: "k", taskId: "", taskClass: r.pick(["research", "release", ""]) };
    const asked = call({ method: r.pick(["tools/call", "tools/list", "initialize", "prompts/get"]) });

    const { enforced, result } = judge({ policies }, entry, identity, asked, "development", 0);
    const open =
      (entry.lifecycle === "approved" || entry.lifecycle === "deprecated") &&
      entry.environments.includes("development") &&
      (entry.taskClasses.length === 0 || entry.taskClasses.includes(identity.taskClass));
    if (!open) {
      expect({ seed, enforced, basis: result.basis, rules: result.policyIds }).toEqual({ seed, enforced: "deny", basis: "default", rules: [] });
    }
    if (enforced === "allow") allowed++;
  }
  expect(allowed).toBeGreaterThan(100);
  expect(isCallable(undefined, { taskClass: "research", environment: "development" })).toEqual({ ok: false, reason: "unknown_server" });
});
