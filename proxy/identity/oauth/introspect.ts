import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { SignalboxError } from "../../../collector/kernel/errors.ts";
import type { IssuerConfig } from "./config.ts";
import { fetchJson, type FetchOptions, type JsonObject } from "./fetch-json.ts";
import { endpointOf, fetchMetadata } from "./metadata.ts";

export interface IntrospectOptions extends FetchOptions {
  readonly issuer: string;
  readonly settings: NonNullable<IssuerConfig["introspection"]>;
  readonly secret: string;
}

/**
 * Asks an issuer about a token (RFC 7662). The token goes there in the body of a request and to nobody else. Null for one
 * that the issuer does not know or no longer honours; throws where no answer is to be had.
 */
export function createIntrospector({ issuer, settings, secret, ...fetching }: IntrospectOptions): (token: string) => Promise<JsonObject | null> {
  const credentials = Buffer.from(`${encode(settings.clientId)}:${encode(secret)}`).toString("base64");
  let url = settings.url;
  return async (token) => {
    url ??= endpointOf(await fetchMetadata(issuer, fetching), "introspection_endpoint", issuer);
    const body = new URLSearchParams({ token, token_type_hint: "access_token" });
    const answer = await fetchJson(url, { method: "POST", body, headers: { authorization: `Basic ${credentials}` } }, fetching);
    return answer.active === true ? answer : null;
  };
}

/** RFC 6749, 2.3.1: both halves are form-encoded before they are joined. */
const encode = (text: string): string => new URLSearchParams({ "": text }).toString().slice(1);

/** A secret from where the configuration says it is. Throws E_SECRET; no message holds any part of it. */
export function readSecret(place: string, { env, baseDir }: { readonly env: Readonly<Record<string, string | undefined>>; readonly baseDir: string }): string {
  const inside = place.slice(2, -1);
  const name = inside.slice(inside.indexOf(":") + 1);
  if (inside.startsWith("env:")) {
    const value = env[name];
    if (value) return value;
    throw new SignalboxError("E_SECRET", `the environment variable ${name} is not set`, { remedy: `set it, or change ${place} in the configuration` });
  }
  const file = resolve(baseDir, name);
  try {
    const value = readFileSync(file, "utf8").trim();
    if (value !== "") return value;
  } catch (error) {
    throw new SignalboxError("E_SECRET", `the secret in ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, { remedy: "check the path and who may read it" });
  }
  throw new SignalboxError("E_SECRET", `the file ${file} is empty`, { remedy: "write the secret into it" });
}
