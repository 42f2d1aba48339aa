import { z } from "zod";

/** The newest format; older ones since 2025-09 have the same members for what is read here. */
export const SERVER_JSON_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";

const input = {
  description: z.string().optional(),
  isRequired: z.boolean().optional(),
  isSecret: z.boolean().optional(),
  value: z.string().optional(),
  default: z.string().optional(),
  choices: z.array(z.string()).optional(),
};
const inputSchema = z.looseObject(input);
const variables = z.record(z.string(), inputSchema).optional();

/** A header or an environment variable. */
export const keyValueSchema = z.looseObject({ name: z.string().min(1), ...input, variables });

const argumentSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("positional"), valueHint: z.string().optional(), ...input, variables }),
  z.looseObject({ type: z.literal("named"), name: z.string().min(1), ...input, variables }),
]);

const urlTemplate = z.string().regex(/^(?:https?:\/\/\S+|\{[a-zA-Z_]\w*\}\S*)$/, "an http or https URL, or a template of one");
const overHttp = { url: urlTemplate, headers: z.array(keyValueSchema).optional(), variables };
const remoteSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("streamable-http"), ...overHttp }),
  z.looseObject({ type: z.literal("sse"), ...overHttp }),
]);
const transportSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("stdio") }),
  z.looseObject({ type: z.literal("streamable-http"), ...overHttp }),
  z.looseObject({ type: z.literal("sse"), ...overHttp }),
]);

/** `latest`, `^1.2`, `1.x`, `>=2` and the like: what runs would change without anybody deciding it. */
const exact = z.string().min(1).max(255).refine((v) => v !== "latest" && !/^[\^~<>=]|\|\||\s-\s|(?:^|\.)[x*](?:\.|$)/i.test(v), "an exact version, no range");

const packageSchema = z.looseObject({
  registryType: z.string().min(1),
  identifier: z.string().min(1),
  version: exact.optional(),
  runtimeHint: z.string().optional(),
  runtimeArguments: z.array(argumentSchema).optional(),
  packageArguments: z.array(argumentSchema).optional(),
  environmentVariables: z.array(keyValueSchema).optional(),
  transport: transportSchema,
});

/** What is read of a `server.json`; members beyond it are kept and not looked at. */
export const serverJsonSchema = z.looseObject({
  $schema: z.string().optional(),
  name: z.string().min(3).max(200).regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/, "a reverse-DNS namespace, a slash and a name"),
  description: z.string().min(1).max(100),
  version: exact,
  title: z.string().max(100).optional(),
  packages: z.array(packageSchema).optional(),
  remotes: z.array(remoteSchema).optional(),
});

export type ServerJson = z.infer<typeof serverJsonSchema>;
export type Package = z.infer<typeof packageSchema>;
export type Remote = z.infer<typeof remoteSchema>;
export type Argument = z.infer<typeof argumentSchema>;
export type KeyValue = z.infer<typeof keyValueSchema>;
export type Variables = Readonly<Record<string, z.infer<typeof inputSchema>>>;
