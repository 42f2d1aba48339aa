import type { Store } from "../../../collector/store/client.ts";

/** What a job reads besides calls and their counters. A store that was filled with calls alone has none of it. */
const inputs: Readonly<Record<string, readonly string[]>> = {
  "control-changes": ["control_events"],
  "deprecated-servers": ["registry_servers"],
  "scope-escape": ["tasks_current"],
  "leadership-metrics": ["registry_servers", "incident_events"],
};

/** Which of a job's other inputs hold nothing, in words; '' where all of them hold something. */
export async function emptyInputs(store: Store, job: string): Promise<string> {
  const empty = [];
  for (const table of inputs[job] ?? []) {
    const [row] = await store.query<{ n: string }>("SELECT count() AS n FROM {table:Identifier}", { table });
    if (row?.n === "0") empty.push(table);
  }
  return empty.length === 0 ? "" : `nothing in ${empty.join(" and ")}`;
}
