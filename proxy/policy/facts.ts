import { FlowFacts, ServerFacts, TaskFacts, ToolFacts, type Facts } from "./condition.ts";
import type { DecisionInput } from "./decision.ts";

const noArguments = Object.freeze({});

/** One set of facts, filled when a condition first asks and emptied after the decision, so that no payload is kept. */
export function createFacts(): { of(input: DecisionInput): Facts; release(): void } {
  let filledFrom: DecisionInput | undefined;
  let now: Date | undefined;
  const facts = {
    agent: "",
    principal: "",
    task: new TaskFacts(),
    flow: new FlowFacts(),
    server: new ServerFacts(),
    tool: new ToolFacts(),
    method: "",
    args: noArguments as unknown,
    get now(): Date {
      return (now ??= new Date(filledFrom?.nowMs ?? 0));
    },
  };
  return {
    of(input) {
      if (filledFrom === input) return facts;
      filledFrom = input;
      facts.agent = input.agent;
      facts.principal = input.principal;
      const { task, flow, server, tool } = facts;
      task.id = input.taskId;
      task.class = input.taskClass;
      task.owner = input.taskOwner;
      task.tainted = input.tainted;
      task.taintScore = input.taintScore;
      task.readDomains = input.readDomains;
      task.calls = BigInt(input.callsInTask);
      task.writes = BigInt(input.writesInTask);
      flow.untrusted = input.flowUntrusted;
      flow.score = input.flowScore;
      server.name = input.server;
      server.version = input.serverVersion;
      server.lifecycle = input.lifecycle;
      server.riskTier = input.riskTier;
      server.dataDomains = input.dataDomains;
      server.environment = input.environment;
      tool.name = input.tool;
      tool.effect = input.effect;
      tool.trusted = input.toolTrusted;
      tool.listed = input.toolListed;
      facts.method = input.method;
      facts.args = input.args ?? noArguments;
      return facts;
    },
    release() {
      if (!filledFrom) return;
      filledFrom = undefined;
      now = undefined;
      facts.args = noArguments;
    },
  };
}
