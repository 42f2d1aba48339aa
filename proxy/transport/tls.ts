import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext, type Server } from "node:tls";
import { z } from "zod";
import { FileError, type FileProblem } from "../../collector/kernel/errors.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../collector/kernel/log.ts";

/** `proxy.tls`: files in PEM, relative to `signalbox.yaml`, which are read again when they change. */
export const tlsSchema = z.strictObject({
  /** The proxy's own, with those that vouch for it behind it. */
  certificate: z.string().min(1),
  privateKey: z.string().min(1),
  /** Who vouches for clients; with it, each is asked for a certificate, and may have none. */
  clientCa: z.string().min(1).optional(),
});

export type TlsConfig = z.infer<typeof tlsSchema>;

/** What the files hold. */
export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** Reads the files. Throws one FileError that names every fault; nothing of the key is in it. */
export function readTls({ certificate, privateKey, clientCa }: TlsConfig, baseDir: string): TlsOptions {
  const problems: FileProblem[] = [];
  const read = (name: string, what: string, check: (text: string) => void): string => {
    const file = resolve(baseDir, name);
    const refuse = (message: string, remedy: string): string => (problems.push({ file, line: 1, column: 1, message, remedy }), "");
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      return refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`, "check the path and who may read it");
    }
    try {
      check(text);
      return text;
    } catch {
      return refuse(`holds no ${what} in PEM`, `put the ${what} there`);
    }
  };
  const cert = read(certificate, "certificate", (text) => new X509Certificate(text));
  const key = read(privateKey, "private key without a passphrase", (text) => createPrivateKey(text));
  const ca = clientCa === undefined ? undefined : read(clientCa, "certificate", (text) => new X509Certificate(text));
  if (problems.length === 0 && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    problems.push({ file: resolve(baseDir, privateKey), line: 1, column: 1, message: "is not the key of the certificate", remedy: "put the two that belong together into proxy.tls" });
  }
  if (problems.length > 0) throw new FileError(problems);
  const options = { cert, key, ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext(options);
  } catch {
    throw new FileError([{ file: resolve(baseDir, certificate), line: 1, column: 1, message: "cannot be used for TLS", remedy: "check that each of the files in proxy.tls is whole" }]);
  }
  return options;
}

export interface FollowTlsOptions {
  readonly config: TlsConfig;
  readonly baseDir: string;
  readonly server: Pick<Server, "setSecureContext">;
  readonly logger: Logger;
  readonly everyMs?: number;
}

const CHECK_MS = 5000;

/**
 * Puts files that changed in force for new connections. They are looked at and not watched: what renews certificates
 * replaces links and folders. Files that are not right, such as a key that came before its certificate, are looked at again
 * the next time, and what was in force stays so.
 */
export function followTls({ config, baseDir, server, logger, everyMs = CHECK_MS }: FollowTlsOptions): Stoppable {
  let inForce = stateOf(config, baseDir);
  let refused = "";
  const look = (): void => {
    const state = stateOf(config, baseDir);
    if (state === inForce) return;
    try {
      // A new context has new keys for its tickets: nobody goes on with a session of the old one.
      server.setSecureContext(readTls(config, baseDir));
      inForce = state;
      logger.info("the TLS certificate was read anew");
    } catch (error) {
      if (state !== refused) logger.error({ err: error }, "changed TLS files are not valid; what was in force stays so");
      refused = state;
    }
  };
  const timer = setInterval(look, everyMs).unref();
  return { stop: async () => clearInterval(timer) };
}

function stateOf({ certificate, privateKey, clientCa }: TlsConfig, baseDir: string): string {
  return [certificate, privateKey, clientCa].map((name) => (name === undefined ? "" : fileState(resolve(baseDir, name)))).join();
}

function fileState(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found ? `${found.ino}:${found.mtimeMs}:${found.size}` : "-";
}
