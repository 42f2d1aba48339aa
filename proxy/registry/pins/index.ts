export { definitionAction, pinOf, type DefinitionAction } from "./action.ts";
export { compareDefinitions, FIRST_THRESHOLD, INSTRUCTION_THRESHOLD, type CompareOptions, type DefinitionChange, type DefinitionComparison } from "./compare.ts";
export { canonicalDefinition, definitionHash, definitionOf, parseDefinition, type ToolDefinition } from "./definition.ts";
export { loadDefinitions } from "./definitions-file.ts";
export type { Difference } from "./differences.ts";
export { judgeToolList, type JudgedList, type JudgeListOptions, type ToolSeenEvent } from "./judge-list.ts";
export { isDefinitionUsable, waiting, type KnownTool, type KnownTools } from "./known-tools.ts";
export type { InstructionScorer } from "./texts.ts";
