import { EventSplitter, eventData, eventField } from "./event-stream.ts";

/** One event as a client reads it. */
export interface ServerSentEvent {
  /** `message` where the event does not say. */
  readonly name: string;
  readonly data: Buffer;
  readonly id: string | undefined;
  /** How long a client is to wait before it comes back, where the event says so. */
  readonly retryMs: number | undefined;
}

/** Reads a stream of events as a client does, whole events of at most `maxBytes`. Throws RangeError beyond. */
export class EventReader {
  readonly #splitter: EventSplitter;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number, onEvent: (event: ServerSentEvent) => void) {
    this.#splitter = new EventSplitter({
      bytes: (slice) => {
        this.#parts.push(slice);
        this.#bytes += slice.length;
        if (this.#bytes > maxBytes) throw new RangeError(`an event is longer than ${maxBytes} bytes`);
      },
      event: () => {
        const event = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
        this.#parts = [];
        this.#bytes = 0;
        const retry = eventField(event, "retry");
        onEvent({
          name: eventField(event, "event") ?? "message",
          data: eventData(event),
          id: eventField(event, "id"),
          retryMs: retry !== undefined && /^\d{1,9}$/.test(retry) ? Number(retry) : undefined,
        });
      },
    });
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk);
  }
}
