import { Environment } from "@marcbachmann/cel-js";

/**
 * What a condition may find at one place of a tool's arguments. `dyn` is what cannot be said: several types, a schema that
 * names none, or one that is nested too deep. Numbers are doubles, since that is what JSON's numbers are when a condition
 * meets them, whole ones too.
 */
export type ArgumentType =
  | { readonly kind: "string"; readonly values?: readonly string[] }
  | { readonly kind: "double" | "bool" | "null" | "dyn" }
  | { readonly kind: "list" | "map"; readonly of: ArgumentType }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, ArgumentType> };

const dyn: ArgumentType = { kind: "dyn" };
const MAX_DEPTH = 12;
/** Types of one tool; a schema that has more is not worth checking, and costs time. */
const MAX_TYPES = 2000;

type Schema = Readonly<Record<string, unknown>>;
const isSchema = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);

/** Pure. The types of a tool's arguments by its `inputSchema`. */
export function argumentTypes(inputSchema: unknown): ArgumentType {
  let left = MAX_TYPES;

  function typeOf(schema: unknown, depth: number, seen: readonly Schema[]): ArgumentType {
    if (!isSchema(schema) || depth > MAX_DEPTH || left-- <= 0 || seen.includes(schema)) return dyn;
    const within = [...seen, schema];
    if (typeof schema.$ref === "string") return typeOf(resolve(inputSchema, schema.$ref), depth + 1, within);
    const alternatives = schema.anyOf ?? schema.oneOf;
    if (Array.isArray(alternatives)) return same(alternatives.map((one) => typeOf(one, depth + 1, within)));
    if (Array.isArray(schema.allOf)) return schema.allOf.length === 1 ? typeOf(schema.allOf[0], depth + 1, within) : dyn;
    if ("const" in schema) return literals([schema.const]);
    if (Array.isArray(schema.enum)) return literals(schema.enum);
    switch (schema.type) {
      case "string":
        return { kind: "string" };
      case "integer":
      case "number":
        return { kind: "double" };
      case "boolean":
        return { kind: "bool" };
      case "null":
        return { kind: "null" };
      case "array":
        return { kind: "list", of: typeOf(schema.items, depth + 1, within) };
      case "object":
        return objectOf(schema, depth, within);
      default:
        return "properties" in schema ? objectOf(schema, depth, within) : dyn;
    }
  }

  function objectOf(schema: Schema, depth: number, seen: readonly Schema[]): ArgumentType {
    const { properties, additionalProperties, patternProperties } = schema;
    const open = additionalProperties === true || isSchema(additionalProperties) || patternProperties !== undefined;
    if (!isSchema(properties)) return { kind: "map", of: isSchema(additionalProperties) ? typeOf(additionalProperties, depth + 1, seen) : dyn };
    // What a schema says nothing of, a tool does not ask for; only where it is open by its own words is anything possible.
    if (open) return { kind: "map", of: dyn };
    return { kind: "object", fields: new Map(Object.entries(properties).map(([name, one]) => [name, typeOf(one, depth + 1, seen)])) };
  }

  const type = typeOf(inputSchema, 0, []);
  return type.kind === "object" || type.kind === "map" ? type : dyn;
}

function literals(values: readonly unknown[]): ArgumentType {
  if (values.length > 0 && values.every((value) => typeof value === "string")) return { kind: "string", values };
  if (values.length > 0 && values.every((value) => typeof value === "number")) return { kind: "double" };
  return values.length > 0 && values.every((value) => typeof value === "boolean") ? { kind: "bool" } : dyn;
}

/** One type where all are alike, but for the values that they allow. */
function same(types: readonly ArgumentType[]): ArgumentType {
  const [first] = types;
  if (!first || !types.every((type) => type.kind === first.kind)) return dyn;
  if (first.kind === "string") return { kind: "string" };
  return first.kind === "double" || first.kind === "bool" ? first : dyn;
}

/** A reference inside the same schema; others are not followed. */
function resolve(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  let at: unknown = root;
  for (const part of reference.slice(1).split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = isSchema(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

/** The type at a path of names; undefined where an object on the way has no such field, `dyn` where it cannot be said. */
export function typeAt(type: ArgumentType, path: readonly string[]): ArgumentType | undefined {
  let at: ArgumentType | undefined = type;
  for (const name of path) {
    if (at.kind === "map") at = at.of;
    else if (at.kind !== "object") return dyn;
    else at = at.fields.get(name);
    if (!at) return undefined;
  }
  return at;
}

/** The same type with `dyn` at a path that it lacks: what a condition asks `has()` of may be read where that is true. */
export function withPath(type: ArgumentType, path: readonly string[]): ArgumentType {
  const [name, ...rest] = path;
  if (name === undefined || type.kind !== "object") return type;
  const field = type.fields.get(name);
  return { kind: "object", fields: new Map(type.fields).set(name, field ? withPath(field, rest) : dyn) };
}

/** Declares `args` with this type. Only for checking: at run time arguments are whatever the caller sent. */
export function declareArguments(environment: Environment, type: ArgumentType): Environment {
  const typed = environment.clone();
  let objects = 0;
  const nameOf = (one: ArgumentType): string => {
    switch (one.kind) {
      case "list":
        return `list<${nameOf(one.of)}>`;
      case "map":
        return `map<string, ${nameOf(one.of)}>`;
      case "object": {
        const fields = Object.fromEntries([...one.fields].map(([name, field]) => [name, nameOf(field)]));
        const name = `Arguments${++objects}`;
        typed.registerType(name, { ctor: class {}, fields });
        typed.registerOperator(`string in ${name}`, never).registerFunction(`size(${name}): int`, never);
        return name;
      }
      case "null":
        return "null";
      default:
        return one.kind;
    }
  };
  // A number of the call and a whole number of the rule are equal when they are; only the checker tells them apart.
  return typed
    .registerOperator("double == int", never)
    .registerOperator("double in list<int>", never)
    .registerOperator("list<double> == list<int>", never)
    .registerVariable("args", nameOf(type));
}

/** These are never run: a call's arguments have no such type. */
const never = (): boolean => false;
