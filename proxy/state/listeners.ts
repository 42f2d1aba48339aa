/** Listeners that may be added and taken away at any time; taking one away twice does no harm. */
export class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();

  add(listener: (value: T) => void): () => void {
    // Wrapped, so that the same function added twice is two listeners.
    const own = (value: T): void => listener(value);
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  tell(value: T): void {
    for (const listener of this.#all) listener(value);
  }
}

/** Listeners by topic. */
export class Topics {
  readonly #topics = new Map<string, Listeners<unknown>>();

  add(topic: string, listener: (message: unknown) => void): () => void {
    let listeners = this.#topics.get(topic);
    if (!listeners) this.#topics.set(topic, (listeners = new Listeners()));
    return listeners.add(listener);
  }

  tell(topic: string, message: unknown): void {
    this.#topics.get(topic)?.tell(message);
  }
}
