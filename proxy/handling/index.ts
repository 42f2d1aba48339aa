export { ResultHandling, LIFECYCLE_KEY, type ResultHandlingOptions } from "./answer-handling.ts";
export { createResultHandling, textScanner, type CreateResultHandlingOptions } from "./create.ts";
export { handlingFor, promptHandlingFor } from "./defaults.ts";
export { inspectResult, type Inspection, type InspectOptions, type ResultShape } from "./inspect.ts";
export { KeptResults, type HeldResult } from "./kept-results.ts";
export { HANDLING_KEY } from "./notes.ts";
export type { ResultPlan } from "./plan.ts";
export { openQuarantineStore, quarantineDir, quarantineKey, type QuarantineStore } from "./quarantine-store.ts";
export { INSTRUCTION_SCORE, type Scanner } from "./scanner.ts";
