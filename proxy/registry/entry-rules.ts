import { namesEnvironment, unknownPlaceholder } from "./placeholders.ts";
import type { Endpoint, ServerEntry } from "./server-entry.ts";

/** A fault that one field alone cannot show. */
export interface EntryFault {
  path: string[];
  message: string;
  remedy: string;
}

const secretHeader = /authorization|cookie|token|secret|password|api-?key/i;
const secretVariable = /(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY)$/i;

export function entryFaults(entry: ServerEntry): EntryFault[] {
  return [...accountabilityFaults(entry), ...endpointFaults(entry.endpoint)];
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

function endpointFaults(endpoint: Endpoint): EntryFault[] {
  const faults: EntryFault[] = [];
  for (const { path, text } of templated(endpoint)) {
    const unknown = unknownPlaceholder(text);
    if (unknown) faults.push({ path, message: `unknown placeholder ${unknown}`, remedy: "use ${env:NAME} or ${dataDir}" });
  }
  const named = (path: string[]): EntryFault => ({
    path,
    message: "a secret must not stand in the registry",
    remedy: "name an environment variable: ${env:NAME}",
  });
  if (endpoint.transport === "streamable-http") {
    const { username, password } = new URL(endpoint.url);
    if (username || password) faults.push(named(["endpoint", "url"]));
    for (const [name, value] of Object.entries(endpoint.headers)) {
      if (secretHeader.test(name) && !namesEnvironment(value)) faults.push(named(["endpoint", "headers", name]));
    }
  } else {
    for (const [name, value] of Object.entries(endpoint.env)) {
      if (secretVariable.test(name) && !namesEnvironment(value)) faults.push(named(["endpoint", "env", name]));
    }
  }
  return faults;
}

function templated(endpoint: Endpoint): { path: string[]; text: string }[] {
  const values = (key: string, record: Record<string, string>) =>
    Object.entries(record).map(([name, text]) => ({ path: ["endpoint", key, name], text }));
  if (endpoint.transport === "streamable-http") return values("headers", endpoint.headers);
  const args = endpoint.args.map((text, i) => ({ path: ["endpoint", "args", String(i)], text }));
  return [...args, ...values("env", endpoint.env)];
}
