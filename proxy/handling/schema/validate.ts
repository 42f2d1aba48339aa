import { safePattern, type SafePattern } from "./safe-pattern.ts";

/**
 * Checks a value against a JSON Schema that an upstream wrote. Both may be hostile, and the check runs where calls are
 * relayed, so its time is bounded by a number of steps: a generated validator is faster and cannot be bounded (a schema of
 * 1 KB whose branches double at each level takes all memory). Draft 2020-12 and what 7 writes differently. Not looked at:
 * `format`, `unevaluated*`, `$dynamicRef`, and a `pattern` that cannot be tested within bounds. `limit`: the steps did not
 * suffice, or the schema refers to one that is not in it.
 */
export type SchemaVerdict = "fits" | "mismatch" | "limit";

type Schema = Readonly<Record<string, unknown>> | boolean;

export const MAX_STEPS = 250_000;
const MAX_DEPTH = 64;

class OutOfSteps extends Error {}

export class SchemaValidator {
  readonly #root: unknown;
  readonly #patterns = new Map<string, SafePattern | null>();
  #steps = 0;
  #undecided = false;

  constructor(schema: unknown) {
    this.#root = schema;
  }

  validate(value: unknown, maxSteps = MAX_STEPS): SchemaVerdict {
    this.#steps = maxSteps;
    this.#undecided = false;
    try {
      if (!this.#fits(this.#root as Schema, value, 0)) return "mismatch";
      return this.#undecided ? "limit" : "fits";
    } catch (error) {
      if (error instanceof OutOfSteps) return "limit";
      throw error;
    }
  }

  #spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new OutOfSteps();
  }

  #fits(schema: unknown, value: unknown, depth: number): boolean {
    this.#spend(1);
    if (depth > MAX_DEPTH) throw new OutOfSteps();
    if (schema === false) return false;
    if (!isObject(schema)) return true;
    if (schema.$ref !== undefined && !this.#fitsReference(schema.$ref, value, depth)) return false;
    if (schema.type !== undefined && !hasType(schema.type, value)) return false;
    if ("const" in schema && !this.#equal(schema.const, value, 0)) return false;
    if (Array.isArray(schema.enum) && !schema.enum.some((one) => this.#equal(one, value, 0))) return false;
    if (!this.#combined(schema, value, depth)) return false;
    if (typeof value === "string") return this.#string(schema, value);
    if (typeof value === "number") return number(schema, value);
    if (Array.isArray(value)) return this.#array(schema, value, depth);
    return isObject(value) ? this.#object(schema, value, depth) : true;
  }

  #fitsReference(reference: unknown, value: unknown, depth: number): boolean {
    const target = typeof reference === "string" ? this.#resolve(reference) : undefined;
    if (target === undefined) {
      this.#undecided = true;
      return true;
    }
    return this.#fits(target, value, depth + 1);
  }

  /** Inside the schema itself: `#`, `#/$defs/a` and `#anchor` by its definition's `$anchor`. */
  #resolve(reference: string): unknown {
    if (reference === "#") return this.#root;
    if (!reference.startsWith("#")) return undefined;
    if (!reference.startsWith("#/")) {
      const all = isObject(this.#root) ? { ...asObject(this.#root.definitions), ...asObject(this.#root.$defs) } : {};
      return Object.values(all).find((one) => isObject(one) && one.$anchor === reference.slice(1));
    }
    let at: unknown = this.#root;
    for (const token of reference.slice(2).split("/").slice(0, MAX_DEPTH)) {
      const key = unescape(token);
      if (key === null || typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
      at = (at as Record<string, unknown>)[key];
    }
    return at;
  }

  #combined(schema: Record<string, unknown>, value: unknown, depth: number): boolean {
    const { allOf, anyOf, oneOf } = schema;
    if (Array.isArray(allOf) && !allOf.every((one) => this.#fits(one, value, depth + 1))) return false;
    if (Array.isArray(anyOf) && !anyOf.some((one) => this.#fits(one, value, depth + 1))) return false;
    if (Array.isArray(oneOf) && oneOf.filter((one) => this.#fits(one, value, depth + 1)).length !== 1) return false;
    if (schema.not !== undefined && this.#fits(schema.not, value, depth + 1)) return false;
    if (schema.if === undefined) return true;
    const branch = this.#fits(schema.if, value, depth + 1) ? schema.then : schema.else;
    return branch === undefined || this.#fits(branch, value, depth + 1);
  }

  #string(schema: Record<string, unknown>, value: string): boolean {
    const { minLength, maxLength, pattern } = schema;
    if (typeof minLength === "number" && value.length < minLength) return false;
    // Lengths count code points; only near the bound does the difference matter.
    if (typeof maxLength === "number" && value.length > maxLength && (value.length > maxLength * 2 || [...value].length > maxLength)) return false;
    if (typeof minLength === "number" && value.length < minLength * 2 && [...value].length < minLength) return false;
    return typeof pattern !== "string" || this.#matches(pattern, value);
  }

  #matches(source: string, value: string): boolean {
    let pattern = this.#patterns.get(source);
    if (pattern === undefined) this.#patterns.set(source, (pattern = safePattern(source)));
    if (pattern === null || value.length > pattern.maxLength) return true;
    this.#spend(1 + (pattern.steps(value.length) >> 5));
    return pattern.test(value);
  }

  #array(schema: Record<string, unknown>, value: readonly unknown[], depth: number): boolean {
    const { minItems, maxItems, uniqueItems, contains } = schema;
    if (typeof minItems === "number" && value.length < minItems) return false;
    if (typeof maxItems === "number" && value.length > maxItems) return false;
    // In draft 7 `items` may be a list, and `additionalItems` is what comes after it.
    const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : Array.isArray(schema.items) ? schema.items : [];
    const rest = Array.isArray(schema.items) ? schema.additionalItems : schema.items;
    for (let i = 0; i < value.length; i++) {
      const item = i < first.length ? first[i] : rest;
      if (item !== undefined && !this.#fits(item, value[i], depth + 1)) return false;
    }
    if (contains !== undefined && !this.#contains(schema, value, depth)) return false;
    return uniqueItems !== true || this.#unique(value);
  }

  #contains(schema: Record<string, unknown>, value: readonly unknown[], depth: number): boolean {
    const count = value.filter((item) => this.#fits(schema.contains, item, depth + 1)).length;
    const most = typeof schema.maxContains === "number" ? schema.maxContains : Infinity;
    return count >= (typeof schema.minContains === "number" ? schema.minContains : 1) && count <= most;
  }

  #unique(value: readonly unknown[]): boolean {
    const scalars = new Set<unknown>();
    const others: unknown[] = [];
    for (const item of value) {
      if (typeof item === "object" && item !== null) {
        if (others.some((other) => this.#equal(other, item, 0))) return false;
        others.push(item);
      } else if (scalars.size === scalars.add(item).size) return false;
    }
    return true;
  }

  #object(schema: Record<string, unknown>, value: Readonly<Record<string, unknown>>, depth: number): boolean {
    const keys = Object.keys(value);
    this.#spend(keys.length);
    const { required, minProperties, maxProperties } = schema;
    if (Array.isArray(required) && !required.every((key) => typeof key !== "string" || Object.hasOwn(value, key))) return false;
    if (typeof minProperties === "number" && keys.length < minProperties) return false;
    if (typeof maxProperties === "number" && keys.length > maxProperties) return false;
    const properties = asObject(schema.properties);
    const patterns = Object.entries(asObject(schema.patternProperties));
    for (const key of keys) {
      let known = Object.hasOwn(properties, key);
      if (known && !this.#fits(properties[key], value[key], depth + 1)) return false;
      for (const [pattern, one] of patterns) {
        if (!this.#matches(pattern, key)) continue;
        known = true;
        if (!this.#fits(one, value[key], depth + 1)) return false;
      }
      if (!known && schema.additionalProperties !== undefined && !this.#fits(schema.additionalProperties, value[key], depth + 1)) return false;
      if (schema.propertyNames !== undefined && !this.#fits(schema.propertyNames, key, depth + 1)) return false;
    }
    return this.#dependents(schema, value, depth);
  }

  #dependents(schema: Record<string, unknown>, value: Readonly<Record<string, unknown>>, depth: number): boolean {
    for (const [key, needs] of [...Object.entries(asObject(schema.dependentRequired)), ...Object.entries(asObject(schema.dependentSchemas)), ...Object.entries(asObject(schema.dependencies))]) {
      if (!Object.hasOwn(value, key)) continue;
      const met = Array.isArray(needs) ? needs.every((one) => typeof one !== "string" || Object.hasOwn(value, one)) : this.#fits(needs, value, depth + 1);
      if (!met) return false;
    }
    return true;
  }

  #equal(a: unknown, b: unknown, depth: number): boolean {
    this.#spend(1);
    if (a === b) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
    if (depth > MAX_DEPTH) throw new OutOfSteps();
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && this.#equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], depth + 1));
  }
}

function number(schema: Record<string, unknown>, value: number): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (typeof minimum === "number" && value < minimum) return false;
  if (typeof maximum === "number" && value > maximum) return false;
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) return false;
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum) return false;
  if (typeof multipleOf !== "number" || multipleOf <= 0) return true;
  const quotient = value / multipleOf;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}

function hasType(type: unknown, value: unknown): boolean {
  if (Array.isArray(type)) return type.some((one) => hasType(one, value));
  switch (type) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return typeof value === "number" && Number.isInteger(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    default:
      return true;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const asObject = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});

function unescape(token: string): string | null {
  try {
    return decodeURIComponent(token).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return null;
  }
}
