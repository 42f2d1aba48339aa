/** One row of uncovered-calls.sql. Names of tools, prompts and resources are whatever an agent sent. */
export interface UncoveredCalls {
  readonly kind: "uncovered" | "refused" | "failed";
  readonly agent: string;
  readonly task_class: string;
  readonly server: string;
  readonly method: string;
  readonly tool: string;
  readonly prompt: string;
  readonly resource_uri: string;
  readonly effect: string;
  readonly mode: string;
  readonly rules: readonly string[];
  readonly tasks: number;
  readonly calls: string;
  readonly first: string;
  readonly last: string;
}
