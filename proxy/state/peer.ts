import type { Worker } from "node:cluster";
import type { Actor, Command, Decided } from "./command.ts";
import type { ControlEntry } from "./control-event.ts";
import type { SnapshotPart } from "./snapshot.ts";

/** What a worker and the primary say to each other. Messages arrive in the order of sending. */
export type ToPrimary =
  | { readonly control: "hello" }
  | { readonly control: "submit"; readonly id: number; readonly command: Command; readonly actor: Actor }
  | { readonly control: "applied"; readonly seq: number }
  | { readonly control: "gossip"; readonly topic: string; readonly message: unknown };

export type ToWorker =
  | { readonly control: "state"; readonly part: SnapshotPart }
  /** The state is whole. */
  | { readonly control: "synced"; readonly seq: number }
  | { readonly control: "entries"; readonly entries: readonly ControlEntry[] }
  | { readonly control: "answer"; readonly id: number; readonly decided: Decided }
  | { readonly control: "gossip"; readonly topic: string; readonly message: unknown };

/** One end of the channel between a worker and the primary. */
export interface Peer<Out, In> {
  /** To a peer that is gone, nothing is sent. */
  send(message: Out): void;
  /** So much waits to be sent that what is fleeting is better dropped. */
  readonly congested: boolean;
  onMessage(listener: (message: In) => void): void;
  onGone(listener: () => void): void;
}

/** Messages that were handed to the channel and not yet taken. */
const CONGESTED = 512;

interface Channel {
  send(message: object, handle: undefined, options: undefined, callback: (error: Error | null) => void): unknown;
  on(event: "message", listener: (message: unknown) => void): unknown;
}

function overChannel<Out extends object, In>(channel: Channel, connected: () => boolean, onGone: (listener: () => void) => void): Peer<Out, In> {
  let unsent = 0;
  return {
    send(message) {
      if (!connected()) return;
      unsent++;
      // An error here means that the other side has just gone, which it will be told of as such.
      channel.send(message, undefined, undefined, () => void unsent--);
    },
    get congested() {
      return unsent >= CONGESTED;
    },
    onMessage(listener) {
      channel.on("message", (message) => {
        if (typeof message === "object" && message !== null && "control" in message) listener(message as In);
      });
    },
    onGone,
  };
}

/** A worker, as the primary sees it. */
export function workerPeer(worker: Worker): Peer<ToWorker, ToPrimary> {
  return overChannel(worker.process as unknown as Channel, () => worker.isConnected(), (listener) => {
    let told = false;
    const tell = (): void => {
      if (!told) listener();
      told = true;
    };
    worker.once("disconnect", tell);
    worker.once("exit", tell);
  });
}

/** The primary, as this process sees it. */
export function primaryPeer(): Peer<ToPrimary, ToWorker> {
  return overChannel(process as unknown as Channel, () => process.connected, (listener) => void process.once("disconnect", listener));
}
