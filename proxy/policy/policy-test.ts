import { z } from "zod";
import { bases, decisions } from "../../collector/record/call-record.ts";
import type { FileProblem } from "../../collector/kernel/errors.ts";
import { judge } from "../relay/judge.ts";
import type { RegistrySnapshot } from "../registry/server-entry.ts";
import { listYamlFiles, readYamlFile, refuse, validate } from "../registry/yaml-file.ts";
import { reasonCodes, type DecisionResult, type PolicySet, type TaskHistory } from "./decision.ts";

/** What the task has done before the call, in the words of conditions; a case says only what matters to it. */
const taskSchema = z.strictObject({
  id: z.string().default(""),
  class: z.string().optional(),
  owner: z.string().default(""),
  tainted: z.boolean().default(false),
  taintScore: z.number().min(0).max(1).default(0),
  readDomains: z.array(z.string()).default([]),
  calls: z.int().nonnegative().default(0),
  writes: z.int().nonnegative().default(0),
});

const flowSchema = z.strictObject({
  untrusted: z.boolean().default(false),
  score: z.number().min(0).max(1).default(0),
});

const caseSchema = z.strictObject({
  name: z.string().min(1),
  input: z.strictObject({
    agent: z.string().min(1),
    principal: z.string().optional(),
    taskClass: z.string().default(""),
    server: z.string().min(1),
    method: z.string().default("tools/call"),
    tool: z.string().default(""),
    prompt: z.string().default(""),
    resource: z.string().default(""),
    args: z.record(z.string(), z.unknown()).default({}),
    /** When the call is made; for rules that ask for the time. */
    now: z.iso.datetime({ offset: true }).optional(),
    task: taskSchema.prefault({}),
    flow: flowSchema.prefault({}),
  }),
  expect: z.strictObject({
    decision: z.enum(decisions),
    basis: z.enum(bases).optional(),
    reason: z.enum(reasonCodes).optional(),
    rules: z.array(z.string()).optional(),
  }),
});

export type PolicyCase = z.infer<typeof caseSchema>;

export interface CaseResult {
  readonly name: string;
  readonly at: { file: string; line: number; column: number };
  /** What came out otherwise than expected, a sentence each; empty when the case passed. */
  readonly differences: readonly string[];
}

export interface TestedSnapshot {
  readonly policies: PolicySet;
  readonly registry: RegistrySnapshot;
  readonly environment: string;
  readonly dataDir: string;
}

/** Runs every case of a directory through the judgement that calls get. Throws FileError for cases that cannot be read. */
export function runPolicyTests(directory: string, snapshot: TestedSnapshot, nowMs: number): CaseResult[] {
  const problems: FileProblem[] = [];
  const results: CaseResult[] = [];
  for (const file of listYamlFiles(directory, problems)) {
    const yaml = readYamlFile(file, problems);
    const parsed = yaml && validate(yaml, z.strictObject({ cases: z.array(caseSchema) }), problems);
    for (const [i, testCase] of parsed?.cases.entries() ?? []) {
      const { line, column } = yaml!.at(["cases", i], "");
      results.push({ name: testCase.name, at: { file, line, column }, differences: runCase(testCase, snapshot, nowMs) });
    }
  }
  refuse(problems);
  return results;
}

export function runCase(testCase: PolicyCase, snapshot: TestedSnapshot, nowMs: number): string[] {
  const { input, expect } = testCase;
  const entry = snapshot.registry.servers.get(input.server);
  if (!entry) return [`no server "${input.server}" is in the registry`];
  const { agent, task, flow } = input;
  const taskClass = task.class ?? input.taskClass;
  const identity = { agent, principal: input.principal ?? agent, delegation: [], credentialId: "", taskId: task.id, taskClass };
  const asked = {
    method: input.method,
    tool: input.tool,
    prompt: input.prompt,
    resourceUri: input.resource,
    args: withDataDir(input.args, snapshot.dataDir),
  };
  const at = input.now === undefined ? nowMs : Date.parse(input.now);
  const history: TaskHistory = {
    taskOwner: task.owner,
    tainted: task.tainted,
    taintScore: task.taintScore,
    readDomains: task.readDomains,
    callsInTask: task.calls,
    writesInTask: task.writes,
    flowUntrusted: flow.untrusted,
    flowScore: flow.score,
  };
  return differences(expect, judge(snapshot, entry, identity, asked, snapshot.environment, at, history).result);
}

function differences(expect: PolicyCase["expect"], got: DecisionResult): string[] {
  const rules = (ids: readonly string[]) => (ids.length > 0 ? ids.join(", ") : "none");
  const found: string[] = [];
  const compare = (what: string, expected: string | undefined, actual: string) => {
    if (expected !== undefined && expected !== actual) found.push(`${what}: expected ${expected}, got ${actual}`);
  };
  compare("decision", expect.decision, got.decision);
  compare("basis", expect.basis, got.basis);
  compare("reason", expect.reason, got.reason);
  compare("rules", expect.rules && rules(expect.rules), rules(got.policyIds));
  return found;
}

/** Cases name files below the data directory without knowing where it is. */
function withDataDir(value: unknown, dataDir: string): unknown {
  if (typeof value === "string") return value.replaceAll("${dataDir}", dataDir);
  if (Array.isArray(value)) return value.map((v) => withDataDir(v, dataDir));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, withDataDir(v, dataDir)]));
}
