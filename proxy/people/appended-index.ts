import type { ControlState } from "../state/control-state.ts";

interface Kept {
  seq: number;
  /** Ids by key, in the order in which they came. */
  readonly ids: Map<string, string[]>;
  indexed: number;
}

/**
 * Finds entries of one of the state's maps by something else than their id. Such a map only grows at its end, changes values
 * in place and lets go of its oldest, so that after `n` events at most its last `n` entries are new: those alone are
 * looked at, and walking past the others costs a fifth of a millisecond at 10,000. Ids that the map has let go of may be
 * among the answers.
 */
export function appendedIndex<V>(mapOf: (state: ControlState) => ReadonlyMap<string, V>, keyOf: (value: V) => string): (state: ControlState, key: string) => readonly string[] {
  const states = new WeakMap<ControlState, Kept>();
  return (state, key) => {
    let kept = states.get(state);
    if (kept === undefined || kept.indexed > 2 * mapOf(state).size + 1000) {
      kept = { seq: -1, ids: new Map(), indexed: 0 };
      states.set(state, kept);
    }
    if (kept.seq !== state.seq) catchUp(kept, state, mapOf(state), keyOf);
    return kept.ids.get(key) ?? none;
  };
}

const none: readonly string[] = Object.freeze([]);

function catchUp<V>(kept: Kept, state: ControlState, map: ReadonlyMap<string, V>, keyOf: (value: V) => string): void {
  const first = kept.seq < 0;
  let known = first ? 0 : map.size - (state.seq - kept.seq);
  kept.seq = state.seq;
  for (const [id, value] of map) {
    if (known-- > 0) continue;
    const key = keyOf(value);
    const ids = kept.ids.get(key);
    if (ids === undefined) kept.ids.set(key, [id]);
    else if (first || !ids.includes(id)) ids.push(id);
    else continue;
    kept.indexed++;
  }
}
