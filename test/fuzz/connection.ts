import { connect } from "node:net";
import type { Plan } from "./mutate.ts";

export interface Exchanged {
  readonly received: Buffer;
  /** The proxy ended the connection; otherwise this side gave up waiting. */
  readonly ended: boolean;
}

/** How long a connection is waited for whose framing was broken on purpose, and one that was not. */
const PATIENCE_MS = { broken: 300, sound: 20_000 } as const;

/** A loopback address for each connection, so that a record says which one it is of, whatever was done to the message. */
export const addressOf = (index: number): string => `127.${1 + ((index >> 16) & 0x7f)}.${(index >> 8) & 0xff}.${index & 0xff}`;

export function exchange(plan: Plan, port: number, localAddress: string): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    let connected = false;
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    const patience = setTimeout(() => done(false), PATIENCE_MS[plan.sound ? "sound" : "broken"]);
    const done = (ended: boolean): void => {
      clearTimeout(patience);
      resolve({ received: Buffer.concat(received), ended });
      socket.destroy();
    };
    socket.setNoDelay(true);
    socket.on("data", (chunk) => received.push(chunk));
    // A connection that is reset was ended by the proxy too, in the middle of a body that it did not want.
    socket.on("error", (error) => (connected ? done(true) : reject(error)));
    socket.on("close", () => done(true));
    socket.on("connect", () => {
      connected = true;
      const write = (at: number): void => {
        if (at === plan.writes.length || socket.destroyed) return;
        socket.write(plan.writes[at]!);
        setImmediate(write, at + 1);
      };
      write(0);
    });
  });
}
