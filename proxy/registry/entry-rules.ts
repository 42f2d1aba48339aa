import { namesEnvironment, unknownPlaceholder } from "./placeholders.ts";
import type { Endpoint, ServerEntry } from "./server-entry.ts";

/** A fault that one field alone cannot show. */
export interface EntryFault {
  path: (string | number)[];
  message: string;
  remedy: string;
}

const secretHeader = /authorization|cookie|token|secret|password|api-?key/i;
const secretVariable = /(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY)$/i;
const secretParameter = /(?:^|[-_])(?:token|secret|password|passwd|api[-_]?key|access[-_]?key)$/i;
const secretArgument = /^--?(?:[a-z0-9-]*-)?(?:token|secret|password|passwd|api-?key)=(.+)$/i;

export function entryFaults(entry: ServerEntry): EntryFault[] {
  return [
    ...accountabilityFaults(entry),
    ...lifecycleFaults(entry),
    ...credentialFaults(entry),
    ...endpointFaults(entry.endpoint, ["endpoint"]),
    ...rolloutFaults(entry),
  ];
}

/** In production somebody answers for a server: without these there is nobody to call and nothing to weigh a risk by. */
function accountabilityFaults(entry: ServerEntry): EntryFault[] {
  if (!entry.environments.includes("production")) return [];
  return (["owner", "contact", "riskTier"] as const)
    .filter((key) => entry[key] === undefined)
    .map((key) => ({
      path: [key],
      message: "required where environments include production",
      remedy: `add ${key}, or take production out of environments`,
    }));
}

/** A server does not go away unannounced, and one that stays has no last day. */
function lifecycleFaults(entry: ServerEntry): EntryFault[] {
  const faults: EntryFault[] = [];
  const deprecated = entry.lifecycle === "deprecated";
  if (deprecated && entry.sunset === undefined) {
    faults.push({ path: ["sunset"], message: "required where lifecycle is deprecated", remedy: "add sunset, the last day on which calls are accepted: YYYY-MM-DD" });
  }
  if (!deprecated && entry.sunset !== undefined) {
    faults.push({ path: ["sunset"], message: `only a deprecated server has one; this one is ${entry.lifecycle}`, remedy: "set lifecycle to deprecated, or remove sunset" });
  }
  if (entry.replacedBy === entry.name) {
    faults.push({ path: ["replacedBy"], message: "a server cannot replace itself", remedy: "name the server that callers should use instead" });
  }
  return faults;
}

/** What is sent as a header needs a request to be in, and must not be sent twice or in clear. */
function credentialFaults({ credential, endpoint, rollout }: ServerEntry): EntryFault[] {
  if (!credential?.secret && !credential?.oauth) return [];
  const path = ["credential", credential.oauth ? "oauth" : "secret"];
  if (endpoint.transport !== "streamable-http") return [{ path, message: "a program takes its credential from its environment", remedy: "name it in endpoint.env as ${env:NAME}" }];
  const faults: EntryFault[] = [];
  const urls = [endpoint, ...rollout.map((one) => one.endpoint)].flatMap((one) => (one.transport === "streamable-http" ? [new URL(one.url)] : []));
  if (urls.some(({ hostname, protocol }) => protocol !== "https:" && !["localhost", "127.0.0.1", "[::1]"].includes(hostname))) {
    faults.push({ path, message: "would be sent in clear", remedy: "make the URL of every endpoint https" });
  }
  if (Object.keys(endpoint.headers).some((name) => name.toLowerCase() === "authorization")) {
    faults.push({ path, message: "endpoint.headers has an authorization already", remedy: "remove one of the two" });
  }
  return faults;
}

function rolloutFaults(entry: ServerEntry): EntryFault[] {
  const faults: EntryFault[] = [];
  const seen = new Set([entry.version]);
  let total = 0;
  entry.rollout.forEach((one, i) => {
    if (seen.has(one.version)) {
      faults.push({ path: ["rollout", i, "version"], message: `version "${one.version}" is there twice`, remedy: "give each version one entry; the server's own version needs none" });
    }
    seen.add(one.version);
    total += one.weight;
    if (total > 100 && total - one.weight <= 100) {
      faults.push({ path: ["rollout", i, "weight"], message: `the weights add up to ${total}`, remedy: "at most 100 in all; what is left goes to the server's own version" });
    }
    faults.push(...endpointFaults(one.endpoint, ["rollout", i, "endpoint"]));
  });
  return faults;
}

function endpointFaults(endpoint: Endpoint, at: readonly (string | number)[]): EntryFault[] {
  const faults: EntryFault[] = [];
  for (const { path, text } of templated(endpoint)) {
    const unknown = unknownPlaceholder(text);
    if (unknown) faults.push({ path: [...at, ...path], message: `unknown placeholder ${unknown}`, remedy: "use ${env:NAME} or ${dataDir}" });
  }
  const secret = (path: (string | number)[], remedy = "name an environment variable: ${env:NAME}"): void => {
    faults.push({ path: [...at, ...path], message: "a secret must not stand in the registry", remedy });
  };
  if (endpoint.transport !== "stdio") {
    const { username, password, searchParams } = new URL(endpoint.url);
    if (username || password) secret(["url"]);
    else if ([...searchParams.keys()].some((name) => secretParameter.test(name))) secret(["url"], "send it as a header that names an environment variable: ${env:NAME}");
    for (const [name, value] of Object.entries(endpoint.headers)) if (secretHeader.test(name) && !namesEnvironment(value)) secret(["headers", name]);
  } else {
    for (const [name, value] of Object.entries(endpoint.env)) if (secretVariable.test(name) && !namesEnvironment(value)) secret(["env", name]);
    endpoint.args.forEach((arg, i) => {
      const value = secretArgument.exec(arg)?.[1];
      if (value !== undefined && !namesEnvironment(value)) secret(["args", i]);
    });
  }
  return faults;
}

function templated(endpoint: Endpoint): { path: (string | number)[]; text: string }[] {
  const values = (key: string, record: Record<string, string>) => Object.entries(record).map(([name, text]) => ({ path: [key, name], text }));
  if (endpoint.transport !== "stdio") return values("headers", endpoint.headers);
  return [...endpoint.args.map((text, i) => ({ path: ["args", i], text })), ...values("env", endpoint.env)];
}
