import { Bytes } from "./bytes.ts";

/**
 * Columns as ClickHouse's Native format wants them: values of one column side by side, arrays and maps as cumulative
 * ends followed by their elements. Types are the plain ones (`String`, not `LowCardinality(String)`): the engine casts
 * on insert, and a sender need not build dictionaries.
 */

/** `Map(String, String)`, or the maps inside an array. */
export class MapColumn {
  readonly ends = new Bytes();
  readonly keys = new Bytes();
  readonly values = new Bytes();
  entries = 0;
  #mark = { ends: 0, keys: 0, values: 0, entries: 0 };

  /** Closes the map of the current row (or element). */
  close(): void {
    this.ends.putUInt64(this.entries, 0);
  }

  append(other: MapColumn): void {
    this.keys.putRaw(other.keys.buf, 0, other.keys.length);
    this.values.putRaw(other.values.buf, 0, other.values.length);
    this.entries += other.entries;
  }

  clear(): void {
    for (const bytes of [this.ends, this.keys, this.values]) bytes.truncate(0);
    this.entries = 0;
  }

  mark(): void {
    const m = this.#mark;
    m.ends = this.ends.length;
    m.keys = this.keys.length;
    m.values = this.values.length;
    m.entries = this.entries;
  }

  rollback(): void {
    const m = this.#mark;
    this.ends.truncate(m.ends);
    this.keys.truncate(m.keys);
    this.values.truncate(m.values);
    this.entries = m.entries;
  }
}

/** A Nested column: arrays of equal length that share their ends. The last array is always one of attribute maps. */
export class NestedColumn<Name extends string> {
  readonly ends = new Bytes();
  readonly arrays: Readonly<Record<Name, Bytes>>;
  readonly attributes = new MapColumn();
  elements = 0;
  #mark: { ends: number; elements: number; arrays: number[] };

  constructor(...names: readonly Name[]) {
    this.arrays = Object.fromEntries(names.map((n) => [n, new Bytes()])) as Record<Name, Bytes>;
    this.#mark = { ends: 0, elements: 0, arrays: names.map(() => 0) };
  }

  closeElement(): void {
    this.attributes.close();
    this.elements++;
  }

  closeRow(): void {
    this.ends.putUInt64(this.elements, 0);
  }

  mark(): void {
    this.#mark.ends = this.ends.length;
    this.#mark.elements = this.elements;
    let i = 0;
    for (const name in this.arrays) this.#mark.arrays[i++] = this.arrays[name].length;
    this.attributes.mark();
  }

  rollback(): void {
    this.ends.truncate(this.#mark.ends);
    this.elements = this.#mark.elements;
    let i = 0;
    for (const name in this.arrays) this.arrays[name].truncate(this.#mark.arrays[i++] ?? 0);
    this.attributes.rollback();
  }
}
