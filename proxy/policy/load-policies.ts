import type { FileProblem } from "../../collector/kernel/errors.ts";
import { listYamlFiles, readYamlFile, refuse, validate, type ReadYaml, type YamlFile } from "../registry/yaml-file.ts";
import { compileSteps, type CompiledRule, type CompiledRules } from "./compile.ts";
import { lintCondition } from "./condition-lint.ts";
import { ConditionError, createConditionCompiler, type ConditionCompiler } from "./condition.ts";
import type { PolicySet } from "./decision.ts";
import { createPolicySet } from "./policy-set.ts";
import { positionInScalar } from "./source-position.ts";
import { policyFileSchema, type Rule } from "./rule.ts";
import { finish, type Steps } from "./steps.ts";

/** A rule as loaded, with the means to say where in its file something stands. */
export interface LoadedRule {
  readonly compiled: CompiledRule;
  at(path: readonly PropertyKey[], message: string, remedy?: string): FileProblem;
  inCondition(offset: number, message: string, remedy?: string): FileProblem;
}

export interface LoadedPolicies {
  readonly set: PolicySet;
  /** What the set was made of, the built-in rules included. */
  readonly compiled: CompiledRules;
  /** The rules of the files, in order; the built-in ones are not among them. */
  readonly rules: readonly LoadedRule[];
}

interface Source {
  readonly yaml: YamlFile;
  readonly path: readonly PropertyKey[];
  readonly rule: Rule;
}

export interface LoadPoliciesOptions {
  readonly dataDir: string;
  readonly read?: ReadYaml;
  /** Kept from one load to the next, so that rules which stayed the same are not compiled again. */
  readonly conditions?: ConditionCompiler;
}

/** Reads and compiles every rule of a directory. Throws one FileError that names every fault of every file. */
export function loadPolicies(directory: string, options: LoadPoliciesOptions): LoadedPolicies {
  return finish(loadPolicySteps(directory, options));
}

export function* loadPolicySteps(directory: string, options: LoadPoliciesOptions): Steps<LoadedPolicies> {
  const { read = readYamlFile, conditions = createConditionCompiler(options.dataDir) } = options;
  const problems: FileProblem[] = [];
  const sources: Source[] = [];
  for (const file of listYamlFiles(directory, problems)) {
    sources.push(...readRules(file, read, problems));
    yield;
  }
  refuseDuplicates(sources, problems);

  const compiled = yield* compileSteps(
    sources.map((s) => s.rule),
    { conditions, onFault: (index, error) => problems.push(conditionProblem(sources[index]!, error)) },
  );
  const byRule = new Map(compiled.rules.map((c) => [c.rule, c]));
  const rules = sources.flatMap((source) => {
    const found = byRule.get(source.rule);
    return found ? [locatedRule(source, found)] : [];
  });
  for (const rule of rules) {
    const { condition } = rule.compiled;
    for (const fault of condition ? lintCondition(condition.ast) : []) {
      problems.push(rule.inCondition(fault.offset, fault.message, fault.remedy));
    }
    yield;
  }
  refuse(problems);
  return { set: createPolicySet(compiled), compiled, rules };
}

function readRules(file: string, read: ReadYaml, problems: FileProblem[]): Source[] {
  const yaml = read(file, problems);
  const parsed = yaml && validate(yaml, policyFileSchema, problems);
  return parsed ? parsed.rules.map((rule, i) => ({ yaml, path: ["rules", i], rule })) : [];
}

function refuseDuplicates(sources: readonly Source[], problems: FileProblem[]): void {
  const first = new Map<string, Source>();
  for (const source of sources) {
    const earlier = first.get(source.rule.id);
    if (!earlier) first.set(source.rule.id, source);
    else {
      const message = `rule "${source.rule.id}" is already defined in ${earlier.yaml.file}`;
      problems.push(source.yaml.at([...source.path, "id"], message, "give each rule an id of its own"));
    }
  }
}

function conditionProblem(source: Source, error: unknown): FileProblem {
  const offset = error instanceof ConditionError ? error.offset : 0;
  const message = error instanceof Error ? error.message : String(error);
  return inCondition(source, offset, message, "the variables of conditions: agent, principal, task, flow, server, tool, method, args, now, dataDir");
}

function inCondition({ yaml, path, rule }: Source, offset: number, message: string, remedy?: string): FileProblem {
  const position = positionInScalar(yaml, [...path, "when"], offset);
  return { file: yaml.file, ...position, message: `rule ${rule.id}: ${message}`, ...(remedy ? { remedy } : {}) };
}

function locatedRule(source: Source, compiled: CompiledRule): LoadedRule {
  const { yaml, path } = source;
  return {
    compiled,
    at: (inner, message, remedy) => {
      const { line, column } = yaml.at([...path, ...inner], "");
      return { file: yaml.file, line, column, message: `rule ${source.rule.id}: ${message}`, ...(remedy ? { remedy } : {}) };
    },
    inCondition: (offset, message, remedy) => inCondition(source, offset, message, remedy),
  };
}
