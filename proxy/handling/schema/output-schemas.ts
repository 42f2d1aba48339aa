import { SchemaValidator } from "./validate.ts";

/** As the control state has it: which definition is in force, and its text. */
export interface SeenDefinition {
  readonly hash: string;
  /** JSON; empty where it was too large to keep. */
  readonly definition: string;
}

const MAX_KEPT = 512;

/** Validators of tools' outputSchema, by the hash of the definition that they came from; the oldest are let go. */
export class OutputSchemas {
  readonly #kept = new Map<string, SchemaValidator | null>();

  /** Null where the tool was not seen, or has no schema. */
  of(seen: SeenDefinition | undefined): SchemaValidator | null {
    if (seen === undefined || seen.definition === "") return null;
    const known = this.#kept.get(seen.hash);
    if (known !== undefined) return known;
    const validator = read(seen.definition);
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(seen.hash, validator);
    return validator;
  }
}

function read(definition: string): SchemaValidator | null {
  try {
    const { outputSchema } = JSON.parse(definition) as { outputSchema?: unknown };
    return typeof outputSchema === "object" && outputSchema !== null ? new SchemaValidator(outputSchema) : null;
  } catch {
    return null;
  }
}
