import { FileError, type FileProblem } from "../collector/kernel/errors.ts";
import type { ControlPlane } from "./control-plane.ts";
import { createKeyAuthenticator } from "./identity/key-authenticator.ts";
import { loadKeys, loadKeysIfPresent } from "./identity/keys-file.ts";
import { limitsFile, loadLimits } from "./limits/load-limits.ts";
import { createConditionCompiler } from "./policy/condition.ts";
import { loadPolicies, loadPolicySteps } from "./policy/load-policies.ts";
import { finishInSlices } from "./policy/steps.ts";
import { createYamlCache } from "./policy/yaml-cache.ts";
import { loadRegistry, prepareRegistry } from "./registry/load-registry.ts";

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

function loadAuthenticator(o: ControlPlaneOptions): ControlPlane["authenticator"] {
  const keys = o.anonymousAgent === undefined ? loadKeys(o.keysFile) : loadKeysIfPresent(o.keysFile);
  return createKeyAuthenticator(keys, { defaultTaskClass: o.defaultTaskClass ?? "", anonymousAgent: o.anonymousAgent });
}

/** How each part comes out of its files. Each throws FileError, and no part depends on another. */
const loaders: { readonly [P in ControlPlanePart]: (options: ControlPlaneOptions) => ControlPlane[P] } = {
  registry: (o) => loadRegistry(o.registryDir),
  policies: (o) => loadPolicies(o.policyDir, { dataDir: o.dataDir }).set,
  authenticator: loadAuthenticator,
  limits: (o) => loadLimits(limitsFile(o.policyDir)),
};

/** The same while calls are under way: in slices between them, and without what has not changed since the last time. */
export type Reloaders = { readonly [P in ControlPlanePart]: () => Promise<ControlPlane[P]> };

export function createReloaders(options: ControlPlaneOptions): Reloaders {
  const rules = createYamlCache();
  const conditions = createConditionCompiler(options.dataDir);
  return {
    registry: async () => {
      await prepareRegistry(options.registryDir);
      return loadRegistry(options.registryDir);
    },
    policies: async () => {
      const read = await rules.warm(options.policyDir);
      return (await finishInSlices(loadPolicySteps(options.policyDir, { dataDir: options.dataDir, read, conditions }))).set;
    },
    authenticator: async () => loadAuthenticator(options),
    limits: async () => loadLimits(limitsFile(options.policyDir)),
  };
}

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
  const limits = load("limits");
  if (!registry || !policies || !authenticator || !limits) throw new FileError(problems);
  return Object.freeze({ registry, policies, authenticator, limits });
}
