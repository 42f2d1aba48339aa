import { hash, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { TLSSocket } from "node:tls";
import { z } from "zod";
import type { Authentication } from "./identity.ts";
import { TokenCache } from "./oauth/token-cache.ts";

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/, "letters, digits and . _ @ : / -, at most 128");
const address = z.string().refine((text) => rangeOf(text) !== null, "an IP address, or a range such as 10.0.0.0/8");

/** `proxy.clientCertificates`: who calls by mutual TLS, which ends here (`proxy.tls.clientCa`) or at a proxy in front of this one. */
export const clientCertificatesSchema = z.strictObject({
  /** Where that proxy writes the certificate: as RFC 9440 has it, or as PEM in percent-encoding. */
  header: z.string().toLowerCase().regex(/^[a-z0-9-]+$/).default("client-cert"),
  /** The addresses from which the header is believed; from any other it is not looked at. */
  trustedProxies: z.array(address).default([]),
  clients: z
    .array(
      z
        .strictObject({
          /** A URI among the certificate's alternative names, as SPIFFE has them, or a DNS name; its common name; or its SHA-256 in hex. */
          uri: z.url().optional(),
          dns: z.string().toLowerCase().regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/, "a name without wildcards").optional(),
          commonName: z.string().min(1).optional(),
          fingerprint: z.string().toLowerCase().regex(/^[0-9a-f]{64}$/, "64 hex digits").optional(),
          agent: name,
          principal: name.optional(),
          taskClass: name.optional(),
          servers: z.array(z.string().min(1)).min(1).optional(),
        })
        .refine((one) => [one.uri, one.dns, one.commonName, one.fingerprint].filter((by) => by !== undefined).length === 1, "name one of uri, dns, commonName and fingerprint"),
    )
    .min(1),
});

export type ClientCertificatesConfig = z.infer<typeof clientCertificatesSchema>;

export interface ClientCertificates {
  /** Who calls by the certificate that came with a request, or with its connection; null where none did, or none that may be believed. */
  authenticate(request: IncomingMessage, nowMs: number): Authentication | null;
}

interface Known {
  readonly answer: Authentication;
  readonly fromMs: number;
  readonly toMs: number;
}

const MAX_KNOWN = 1000;
/** Parsing a certificate costs as much as a hundred look-ups; what it says does not change. */
const KNOWN_FOR_MS = 600_000;
const MAX_HEADER = 12 * 1024;

const unknown: Authentication = Object.freeze({ ok: false, why: "unknown" });
const expired: Authentication = Object.freeze({ ok: false, why: "expired" });
const nobody: Known = Object.freeze({ answer: unknown, fromMs: -Infinity, toMs: Infinity });

/**
 * That the client holds the certificate's key and that a CA vouches for it has been checked in the handshake, here or by the
 * proxy in front; whom it stands for is told here. Anybody can write a header, so it counts from that proxy's address alone,
 * and there before the connection's own certificate, which is that proxy's.
 */
export function createClientCertificates({ header, trustedProxies, clients }: ClientCertificatesConfig): ClientCertificates {
  const trusted = new BlockList();
  for (const text of trustedProxies) {
    const { address, prefix, family } = rangeOf(text)!;
    trusted.addSubnet(address, prefix, family);
  }
  const known = new TokenCache<Known>(MAX_KNOWN);

  const ofConnections = new WeakMap<object, Known>();

  function read(certificate: X509Certificate): Known {
    const fingerprint = hash("sha256", certificate.raw, "hex");
    const uris = alternativeNames(certificate.subjectAltName, "URI");
    const names = alternativeNames(certificate.subjectAltName, "DNS").map((name) => name.toLowerCase());
    const { CN: commonName } = certificate.toLegacyObject().subject as { CN?: unknown };
    const client = clients.find((one) => one.fingerprint === fingerprint || (one.uri !== undefined && uris.includes(one.uri)) || (one.dns !== undefined && names.includes(one.dns)) || (one.commonName !== undefined && one.commonName === commonName));
    const answer: Authentication = !client
      ? unknown
      : Object.freeze({
          ok: true,
          identity: Object.freeze({
            agent: client.agent,
            principal: client.principal ?? client.agent,
            delegation: [],
            credentialId: `x5-${fingerprint.slice(0, 16)}`,
            taskId: "",
            taskClass: client.taskClass ?? "",
            roles: ["agent" as const],
            ...(client.servers ? { servers: client.servers } : {}),
          }),
        });
    return { answer, fromMs: certificate.validFromDate.getTime(), toMs: certificate.validToDate.getTime() };
  }

  function ofHeader({ headers, socket }: IncomingMessage, nowMs: number): Known | null {
    const value = headers[header];
    const from = socket.remoteAddress ?? "";
    if (typeof value !== "string" || value === "" || value.length > MAX_HEADER) return null;
    if (!trusted.check(from, from.includes(":") ? "ipv6" : "ipv4")) return null;
    const key = hash("sha256", value, "hex");
    const before = known.get(key, nowMs);
    if (before) return before;
    const certificate = certificateOf(value);
    if (certificate === null) return nobody;
    const found = read(certificate);
    known.set(key, found, nowMs + KNOWN_FOR_MS);
    return found;
  }

  /** A connection has the certificate that it began with. */
  function ofConnection({ socket }: IncomingMessage): Known | null {
    if (!(socket instanceof TLSSocket)) return null;
    const before = ofConnections.get(socket);
    if (before) return before;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return null;
    const found = socket.authorized ? read(certificate) : nobody;
    ofConnections.set(socket, found);
    return found;
  }

  return {
    authenticate(request, nowMs) {
      const found = ofHeader(request, nowMs) ?? ofConnection(request);
      if (found === null) return null;
      return nowMs >= found.fromMs && nowMs <= found.toMs ? found.answer : expired;
    },
  };
}

/** RFC 9440: the DER between colons, in base64. Otherwise PEM in percent-encoding, as nginx writes it. */
function certificateOf(value: string): X509Certificate | null {
  try {
    if (value.startsWith(":")) return value.endsWith(":") ? new X509Certificate(Buffer.from(value.slice(1, -1), "base64")) : null;
    return new X509Certificate(decodeURIComponent(value));
  } catch {
    return null;
  }
}

/** The names of one kind. A name that holds a comma is quoted, and must not pass for two. */
function alternativeNames(text: string | undefined, kind: string): string[] {
  const parts = text?.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return parts.map((part) => part.trim()).flatMap((part) => (part.startsWith(`${kind}:`) ? [part.slice(kind.length + 1)] : []));
}

function rangeOf(text: string): { address: string; prefix: number; family: "ipv4" | "ipv6" } | null {
  const [address = "", bits, more] = text.split("/");
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (version === 0 || more !== undefined || prefix > most) return null;
  return { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}
