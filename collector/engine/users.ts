import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { EngineUser } from "./config.ts";
import { EngineException } from "./exceptions.ts";

export interface Credentials {
  name: string;
  password: string;
}

/** Where ClickHouse looks, in its order: its own headers, then Basic, then the URL. Nothing given is user `default`. */
export function readCredentials(headers: IncomingHttpHeaders, url: Partial<Record<"user" | "password", string>>): Credentials {
  const own = headers["x-clickhouse-user"];
  if (own !== undefined) return { name: String(own), password: String(headers["x-clickhouse-key"] ?? "") };
  const basic = /^Basic\s+(.+)$/i.exec(headers.authorization ?? "")?.[1];
  if (basic !== undefined) {
    const text = Buffer.from(basic, "base64").toString("utf8");
    const colon = text.indexOf(":");
    return colon < 0 ? { name: text, password: "" } : { name: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  return { name: url.user ?? "default", password: url.password ?? "" };
}

/** The configured user, or AUTHENTICATION_FAILED, which says the same for an unknown name and for a wrong password. */
export function authenticate(users: readonly EngineUser[], given: Credentials): EngineUser {
  const user = users.find((one) => one.name === given.name);
  const matches = timingSafeEqual(digest(user?.password ?? ""), digest(given.password));
  if (!user || !matches) {
    throw EngineException.of(
      "AUTHENTICATION_FAILED",
      `${given.name}: Authentication failed: password is incorrect, or there is no user with such name.`,
    );
  }
  return user;
}

/**
 * While a user has no password, being able to reach the port is the whole credential, and a browser on the same
 * machine can reach it on behalf of any page. So such a request must name a loopback host (no DNS rebinding) and must
 * not come from a page.
 */
export function refuseBrowsers(headers: IncomingHttpHeaders): void {
  const fromPage = headers.origin !== undefined || headers["sec-fetch-site"] !== undefined;
  if (fromPage || !isLoopback(hostName(headers.host ?? ""))) {
    throw EngineException.of("AUTHENTICATION_FAILED", "Without a password only local programs may connect.");
  }
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function hostName(header: string): string {
  return header.startsWith("[") ? header.slice(1, header.indexOf("]")) : (header.split(":")[0] ?? "");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
