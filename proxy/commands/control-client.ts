import { existsSync, readFileSync } from "node:fs";
import { showable } from "../../collector/sql/terminal.ts";
import type { CommandContext } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { ownUrl, proxyConfigSchema, type ProxyConfig } from "../config.ts";
import { operatorKeyPath } from "../data-files.ts";

/** The running proxy's control API, as the CLI uses it. Each method answers the body, and throws SignalboxError otherwise. */
export interface ControlClient {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: object): Promise<T>;
  delete<T>(path: string, body?: object): Promise<T>;
}

const TIMEOUT_MS = 15_000;
/** Answers are lists of a thousand at most. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Of the proxy that the configuration describes. The credential is the first of: the file that was named, SIGNALBOX_KEY,
 * and the operator's key that the first `signalbox up` made.
 */
export function createControlClient(context: CommandContext, options: { keyFile?: string | undefined } = {}): ControlClient {
  const config = context.config();
  const base = proxyBaseUrl(config.section("proxy", proxyConfigSchema));
  const key = credential(context, config.dataDir, options.keyFile);

  async function request<T>(method: string, path: string, body?: object): Promise<T> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(base + path, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body ? { "content-type": "application/json" } : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (Number(response.headers.get("content-length") ?? 0) > MAX_ANSWER_BYTES) throw new Error("its answer is too large");
      text = await response.text();
    } catch (cause) {
      throw new SignalboxError("E_PROXY_AWAY", `the proxy at ${base} did not answer: ${reasonOf(cause)}`, {
        remedy: /CERT|TLS|ISSUER|SIGNATURE/.test(reasonOf(cause))
          ? "Its certificate is not trusted here, or is for another name: NODE_EXTRA_CA_CERTS names the file of its CA, proxy.publicUrl its name."
          : "Is it running? `signalbox up` starts it; proxy.publicUrl in signalbox.yaml says where else it is.",
        cause,
      });
    }
    const answer = parse(text);
    if (response.ok && answer !== null) return answer as T;
    const { code, detail, remedy } = (answer ?? {}) as Record<string, unknown>;
    throw new SignalboxError(typeof code === "string" ? code : "E_PROXY", typeof detail === "string" ? showable(detail) : `the proxy at ${base} answered ${response.status}`, {
      ...(typeof remedy === "string" ? { remedy: showable(remedy) } : {}),
    });
  }

  return {
    get: (path) => request("GET", path),
    post: (path, body = {}) => request("POST", path, body),
    delete: (path, body) => request("DELETE", path, body),
  };
}

/** A proxy that listens on every address is reached on this machine's own. */
export function proxyBaseUrl({ publicUrl, tls, host, port }: ProxyConfig): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/$/, "");
  const name = host === "0.0.0.0" || host === "" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return ownUrl({ tls, host: name, port });
}

function credential(context: CommandContext, dataDir: string, keyFile: string | undefined): string {
  const key = givenKey(context.env, keyFile);
  if (key !== undefined) return key;
  const file = operatorKeyPath(dataDir);
  if (existsSync(file)) return plainKey(readFileSync(file, "utf8").trim(), file);
  throw new SignalboxError("E_KEY", "no key to ask the proxy with", { remedy: keyRemedy("make one with `signalbox keys create --agent <you> --role operator`") });
}

/** The key in the file that was named, or else in SIGNALBOX_KEY; undefined where there is neither. Throws E_KEY. */
export function givenKey(env: CommandContext["env"], keyFile: string | undefined): string | undefined {
  if (keyFile === undefined) {
    const key = env.SIGNALBOX_KEY?.trim();
    return key ? plainKey(key, "SIGNALBOX_KEY") : undefined;
  }
  if (existsSync(keyFile)) return plainKey(readFileSync(keyFile, "utf8").trim(), keyFile);
  throw new SignalboxError("E_KEY", `there is no key file ${keyFile}`, { remedy: keyRemedy("make a key with `signalbox keys create --agent <name>`") });
}

const keyRemedy = (make: string): string => `${make}, and set SIGNALBOX_KEY or pass --key-file`;

/** What is no key is not shown: it may be another secret. */
function plainKey(key: string, from: string): string {
  if (/^[\x21-\x7e]{1,256}$/.test(key)) return key;
  throw new SignalboxError("E_KEY", `${from} does not hold one key`, { remedy: "put the key there and nothing else" });
}

function parse(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = ((error as { cause?: unknown }).cause ?? error) as { code?: unknown; message?: string };
  return typeof code === "string" ? code : (message ?? String(error));
}
