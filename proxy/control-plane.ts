import type { Authenticator } from "./identity/identity.ts";
import type { LimitSet } from "./limits/limit.ts";
import type { PolicySet } from "./policy/decision.ts";
import type { RegistrySnapshot } from "./registry/server-entry.ts";

/** What a worker decides with: snapshots that are replaced one by one, whole, when their files change. */
export interface ControlPlane {
  readonly registry: RegistrySnapshot;
  readonly policies: PolicySet;
  readonly authenticator: Authenticator;
  readonly limits: LimitSet;
}
