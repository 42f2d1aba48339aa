import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

/** A certificate with its key, both in PEM, and what signs others with it. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  issue(options: CertificateOptions): Certificate;
}

export interface CertificateOptions {
  readonly commonName: string;
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
}

/** An authority of its own, which signs itself (P-256; RFC 5280, as much of it as TLS asks for). */
export function createAuthority(commonName: string): Certificate {
  return make({ commonName }, null);
}

interface Issuer {
  readonly name: Buffer;
  readonly key: KeyObject;
}

const DAY_MS = 86_400_000;

function make({ commonName, uris = [], dns = [], ips = [], from = new Date(Date.now() - DAY_MS), to = new Date(Date.now() + 365 * DAY_MS) }: CertificateOptions, by: Issuer | null): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(set(sequence(oid(2, 5, 4, 3), der(0x0c, Buffer.from(commonName)))));
  const algorithm = sequence(oid(1, 2, 840, 10045, 4, 3, 2));
  const names = [
    ...uris.map((text) => der(0x86, Buffer.from(text))),
    ...dns.map((text) => der(0x82, Buffer.from(text))),
    ...ips.map((text) => der(0x87, Buffer.from(text.split(".").map(Number)))),
  ];
  const isAuthority = by === null;
  const extensions = [
    extension(oid(2, 5, 29, 19), sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : [])), true),
    ...(names.length === 0 ? [] : [extension(oid(2, 5, 29, 17), sequence(...names), false)]),
  ];
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    algorithm,
    by?.name ?? name,
    sequence(time(from), time(to)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, by?.key ?? privateKey);
  const whole = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${whole.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    issue: (options) => make(options, { name, key: privateKey }),
  };
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length < 128 ? [content.length] : content.length < 256 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const set = (...parts: Buffer[]): Buffer => der(0x31, ...parts);
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);
const extension = (id: Buffer, value: Buffer, critical: boolean): Buffer => sequence(id, ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
/** GeneralizedTime from 2050 on, UTCTime before (RFC 5280, 4.1.2.5). */
function time(at: Date): Buffer {
  const text = at.toISOString().replace(/[-:T]|\.\d+/g, "");
  return at.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

function oid(first: number, second: number, ...rest: number[]): Buffer {
  const groups = rest.map((value) => {
    const bytes = [value & 127];
    for (let left = value >> 7; left > 0; left >>= 7) bytes.unshift((left & 127) | 128);
    return bytes;
  });
  return der(0x06, Buffer.from([first * 40 + second, ...groups.flat()]));
}
