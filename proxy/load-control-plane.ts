import { FileError, type FileProblem } from "../collector/kernel/errors.ts";
import type { ControlPlane } from "./control-plane.ts";
import { createKeyAuthenticator } from "./identity/key-authenticator.ts";
import { loadKeys, loadKeysIfPresent } from "./identity/keys-file.ts";
import { loadPolicies } from "./policy/load-policies.ts";
import { loadRegistry } from "./registry/load-registry.ts";

export interface ControlPlaneOptions {
  readonly registryDir: string;
  readonly policyDir: string;
  readonly keysFile: string;
  /** What `dataDir` stands for in conditions. */
  readonly dataDir: string;
  /** The task class of keys that name none. */
  readonly defaultTaskClass?: string | undefined;
  /** The agent that callers without a credential are taken for; absent, they are refused. */
  readonly anonymousAgent?: string | undefined;
}

export type ControlPlanePart = keyof ControlPlane;

/** How each part comes out of its files. Each throws FileError, and no part depends on another. */
export const loaders: { readonly [P in ControlPlanePart]: (options: ControlPlaneOptions) => ControlPlane[P] } = {
  registry: (o) => loadRegistry(o.registryDir),
  policies: (o) => loadPolicies(o.policyDir, { dataDir: o.dataDir }).set,
  authenticator: (o) =>
    createKeyAuthenticator(o.anonymousAgent === undefined ? loadKeys(o.keysFile) : loadKeysIfPresent(o.keysFile), {
      defaultTaskClass: o.defaultTaskClass ?? "",
      anonymousAgent: o.anonymousAgent,
    }),
};

/** Reads everything that a worker decides with. Throws one FileError that names every fault of every file. */
export function loadControlPlane(options: ControlPlaneOptions): ControlPlane {
  const problems: FileProblem[] = [];
  const load = <P extends ControlPlanePart>(part: P): ControlPlane[P] | undefined => {
    try {
      return loaders[part](options);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const registry = load("registry");
  const policies = load("policies");
  const authenticator = load("authenticator");
  if (!registry || !policies || !authenticator) throw new FileError(problems);
  return Object.freeze({ registry, policies, authenticator });
}
