import { createServer } from "node:net";
import type { Section } from "./config.ts";
import { SignalboxError } from "./errors.ts";

/** Says which port could not be listened on, for which part, and how to choose another. */
export function portError(section: Section, host: string, port: number, cause: unknown): SignalboxError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === "EADDRINUSE" ? "is taken" : `cannot be listened on (${code ?? message})`;
  return new SignalboxError("E_PORT", `port ${port} on ${host} ${why}`, {
    remedy: `stop what listens there, or choose another port: SIGNALBOX_${section.toUpperCase()}_PORT, or ${section}.port in signalbox.yaml`,
    cause,
  });
}

/** Throws E_PORT where a port is taken already, before anything has started that would need it. Port 0 never is. */
export async function refuseTakenPort(section: Section, host: string, port: number): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error) => reject(portError(section, host, port, error)));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()));
  });
}
