import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { FileProblem } from "../../collector/kernel/errors.ts";
import { shortDigest } from "../registry/digest.ts";
import { readYamlFile, refuse, validate } from "../registry/yaml-file.ts";
import { compileLimit, limitsFileSchema, type Limit, type LimitSet } from "./limit.ts";

/** `limits.yaml` stands beside the folder of rules. */
export const limitsFile = (policyDir: string): string => join(dirname(policyDir), "limits.yaml");

export function limitSetOf(limits: readonly Limit[]): LimitSet {
  return Object.freeze({ version: shortDigest(limits), limits: limits.map(compileLimit) });
}

export const noLimits: LimitSet = limitSetOf([]);

/** Reads the limits; without the file there are none. Throws one FileError that names every fault. */
export function loadLimits(file: string): LimitSet {
  if (!existsSync(file)) return noLimits;
  const problems: FileProblem[] = [];
  const yaml = readYamlFile(file, problems);
  const parsed = yaml && validate(yaml, limitsFileSchema, problems);
  const seen = new Set<string>();
  for (const [i, { id }] of parsed?.limits.entries() ?? []) {
    if (seen.has(id)) problems.push(yaml!.at(["limits", i, "id"], `"${id}" is already the id of another limit`, "give each limit an id of its own"));
    seen.add(id);
  }
  refuse(problems);
  return limitSetOf(parsed!.limits);
}
