export { createTaskActivity } from "./create.ts";
export { TaskActivity, defaultLimits, type ActivityLimits, type CallFlow, type ReadResult, type ResultText, type TaskActivityOptions } from "./task-activity.ts";
export { taskKey } from "./task-key.ts";
export type { TaskFacts } from "./task-memory.ts";
export { extractValues, mayHoldValuesInResult, type ScoredSpan, type Value } from "./values.ts";
