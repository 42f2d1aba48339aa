/**
 * DNS rebinding: a page whose name an attacker points at our address is sent by the browser with that name in Host, and
 * with its own Origin. Both must be names we know. A request without Origin comes from no browser.
 */
export interface HostCheck {
  allows(host: string | undefined, origin: string | undefined): boolean;
}

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Bounds the memory of answers: what is asked is the caller's choice. */
const MAX_REMEMBERED = 256;

export function createHostCheck(options: { allowedHosts: readonly string[]; allowedOrigins: readonly string[]; host: string; publicUrl?: string | undefined }): HostCheck {
  const hosts = new Set(options.allowedHosts.map((name) => name.toLowerCase()));
  if (!isWildcard(options.host)) hosts.add(options.host.toLowerCase());
  const origins = new Set(options.allowedOrigins.map((origin) => origin.toLowerCase()));
  if (options.publicUrl !== undefined) {
    const { hostname, origin } = new URL(options.publicUrl);
    hosts.add(hostname);
    origins.add(origin);
  }
  const known = new Map<string, boolean>();
  const remembered = (key: string, judge: () => boolean): boolean => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const verdict = judge();
    if (known.size < MAX_REMEMBERED) known.set(key, verdict);
    return verdict;
  };
  const allowsHost = (host: string): boolean => {
    const name = hostnameOf(host);
    return name !== null && (loopback.has(name) || hosts.has(name) || hosts.has(host.toLowerCase()));
  };
  const allowsOrigin = (origin: string): boolean => {
    if (origins.has(origin.toLowerCase())) return true;
    try {
      return loopback.has(new URL(origin).hostname);
    } catch {
      return false;
    }
  };
  return {
    allows(host, origin) {
      if (host === undefined || !remembered(`h${host}`, () => allowsHost(host))) return false;
      return origin === undefined || remembered(`o${origin}`, () => allowsOrigin(origin));
    },
  };
}

/** The name in a Host header, without its port; null when it is none. */
function hostnameOf(host: string): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host);
  return match?.[1]?.toLowerCase() ?? null;
}

export const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::" || host === "";
