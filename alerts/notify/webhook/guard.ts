import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Addresses that a receiver outside can't have: a URL that leads there is a mistake, or somebody's way in. */
const inside = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8], ["10.0.0.0", 8], ["100.64.0.0", 10], ["127.0.0.0", 8], ["169.254.0.0", 16], ["172.16.0.0", 12],
  ["192.0.0.0", 24], ["192.0.2.0", 24], ["192.168.0.0", 16], ["198.18.0.0", 15], ["198.51.100.0", 24], ["203.0.113.0", 24],
  ["224.0.0.0", 4], ["240.0.0.0", 4],
] as const) inside.addSubnet(net, prefix, "ipv4");
// Beside the private ranges: 64:ff9b::/96 and 2002::/16 carry an IPv4 address that could be a private one.
for (const [net, prefix] of [
  ["::", 128], ["::1", 128], ["fc00::", 7], ["fe80::", 10], ["ff00::", 8], ["2001:db8::", 32], ["64:ff9b::", 96], ["2002::", 16],
] as const) inside.addSubnet(net, prefix, "ipv6");

export function isInside(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, "");
  const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(bare);
  if (mapped) {
    const [hi, lo] = [parseInt(mapped[2] ?? "0", 16), parseInt(mapped[3] ?? "0", 16)];
    return isInside(mapped[1] ?? `${hi >> 8}.${hi & 255}.${lo >> 8}.${lo & 255}`);
  }
  const family = isIP(bare);
  return family === 0 || inside.check(bare, family === 4 ? "ipv4" : "ipv6");
}

/** For literal addresses, which no resolver sees. */
export function refusesHost(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, "")) !== 0 && isInside(hostname);
}

/**
 * Resolves and refuses in one step, inside the connection: a name that is checked first and resolved again afterwards
 * can answer differently the second time. One inside address among several refuses the name.
 */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, "", 0);
    const bad = addresses.find((a) => isInside(a.address));
    if (bad || addresses.length === 0) {
      return callback(Object.assign(new Error("the receiver's name leads to an inside address"), { code: "E_INSIDE_ADDRESS" }), "", 0);
    }
    if (options.all) return callback(null, addresses);
    return callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};
