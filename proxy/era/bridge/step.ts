import { isObject, type JsonObject } from "../../transport/envelope.ts";

/** One message for the client; `about` is the id of the request that it belongs to, where it is no answer. */
export interface ForClient {
  readonly message: JsonObject;
  readonly about?: unknown;
}

/** What a bridge wants said, in this order, after it was told something. */
export interface Step {
  readonly toServer: JsonObject[];
  readonly toClient: ForClient[];
  /** When to call `tick` at the latest, in milliseconds from now; absent, there is no hurry. */
  tickInMs?: number;
}

/**
 * Stands between a client of one era and a server of the other, as a state machine: messages go in, messages come out, and
 * nothing else happens. Time is passed in. One bridge serves one connection to a server.
 */
export interface EraBridge {
  fromClient(message: JsonObject, nowMs: number): Step;
  fromServer(message: JsonObject, nowMs: number): Step;
  /** Something has been waited for too long, or is to be tried again. Called now and then. */
  tick(nowMs: number): Step;
}

/** Said by the connection to a server, as if the server did: it had lost the session, and another one stands in its place. */
export const BEGUN_AGAIN = "notifications/signalbox/begun_again";

export const newStep = (): Step => ({ toServer: [], toClient: [] });

export const answerTo = (id: unknown, result: JsonObject): ForClient => ({ message: { jsonrpc: "2.0", id, result } });

export function errorTo(id: unknown, code: number, message: string, data?: unknown): ForClient {
  return { message: { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } } };
}

export const isRequest = (message: JsonObject): boolean => typeof message.method === "string" && message.id !== undefined;
export const isNotification = (message: JsonObject): boolean => typeof message.method === "string" && message.id === undefined;

const INTERNAL_ERROR = -32603;
const MAX_QUOTED = 300;

/** What a stranger wrote where a text belongs, as far as it is one and for as long as anybody would read it. */
export const quoted = (value: unknown, otherwise: string): string => (typeof value === "string" ? value.slice(0, MAX_QUOTED) : otherwise);
export const codeOf = (value: unknown): number => (Number.isInteger(value) ? (value as number) : INTERNAL_ERROR);

export const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});
