import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type TestEngine } from "../../support/engine.ts";

/** Faults of chDB and of its Node binding that the embedded store must be free of; see also the contract suite. */
describe("the embedded store is free of the trap that", () => {
  let engine: TestEngine;
  let outside: string;
  let secret: string;

  interface Answer {
    status: number;
    code: string | null;
    text: string;
  }
  const ask = async (
    query: string,
    options: { user?: string; url?: Record<string, string>; body?: string; headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Answer> => {
    const url = new URLSearchParams({ query, user: options.user ?? "default", ...options.url });
    const response = await fetch(`${engine.url}/?${url}`, {
      method: "POST",
      body: options.body ?? "",
      ...(options.headers ? { headers: options.headers } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return { status: response.status, code: response.headers.get("x-clickhouse-exception-code"), text: await response.text() };
  };

  beforeAll(async () => {
    outside = await mkdtemp(join(tmpdir(), "signalbox-outside-"));
    secret = join(outside, "secret.txt");
    await writeFile(secret, "topsecret\n");
    await writeFile(join(outside, "row.tpl"), "topsecret ${a:CSV}\n");
    engine = await startEngine({
      limits: {
        maxConcurrentQueries: 4,
        maxQueuedQueries: 4,
        queueTimeoutMs: 20_000,
        maxInsertBytes: 1_000_000,
        readonly: { maxExecutionTimeS: 1, maxResultRows: 1000, maxRowsToRead: 10_000_000, maxMemoryBytes: 100_000_000 },
      },
    });
    await ask("CREATE TABLE victim (a UInt64, b String) ENGINE = MergeTree ORDER BY a");
    await ask("INSERT INTO victim VALUES (1, 'kept')");
  });
  afterAll(async () => {
    await engine?.stop();
    await rm(outside, { recursive: true, force: true });
  });

  it("a bound on the engine's memory leaves every query one core", async () => {
    await ask("CREATE TABLE wide (a UInt64) ENGINE = MergeTree ORDER BY a AS SELECT number FROM numbers(1000000)");
    const { text } = await ask("EXPLAIN PIPELINE SELECT sum(cityHash64(a)) FROM wide FORMAT TSVRaw");
    if (availableParallelism() > 1) expect(text).toMatch(/MergeTreeSelect\(pool: ReadPool, .*\) × [2-9]/);
  });

  it("SQL after a blank line of an insert's body is executed", async () => {
    await ask("CREATE TABLE fill (a UInt64, b String) ENGINE = MergeTree ORDER BY a");
    const body = '1,"x"\n\ndrop table victim';
    await ask("INSERT INTO fill FORMAT CSV", { body });
    await ask(`INSERT INTO fill FORMAT CSV\n${body}`);
    await ask("INSERT INTO fill VALUES (1, 'x')\n\ndrop table victim");
    await ask("INSERT INTO fill FORMAT CSV", { body: '1,"x";\ndrop table victim;\n' });
    expect((await ask("SELECT b FROM victim")).text).toBe("kept\n");
  });

  it("settings stick to a connection, readonly=1 for ever", async () => {
    expect((await ask("SELECT 1", { url: { readonly: "1", max_block_size: "777" } })).text).toBe("1\n");
    for (let i = 0; i < 10; i++) {
      expect((await ask("SELECT getSetting('max_block_size')")).text).not.toBe("777\n");
      expect((await ask("CREATE TABLE IF NOT EXISTS w (a UInt8) ENGINE = Memory")).status).toBe(200);
    }
  });

  it("one connection runs one query at a time, so a short query waits for a long one", async () => {
    const long = ask("SELECT sleep(2)");
    const started = performance.now();
    expect((await ask("SELECT 1")).text).toBe("1\n");
    expect(performance.now() - started).toBeLessThan(1500);
    await long;
  });

  it("a scalar subquery blocks the event loop while a stream starts", async () => {
    const long = ask("SELECT (SELECT sum(sleepEachRow(0.1)) FROM numbers(20)) AS x");
    await new Promise((later) => setTimeout(later, 200));
    const started = performance.now();
    expect((await fetch(`${engine.url}/ping`)).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(1000);
    expect((await long).status).toBe(200);
  });

  it("heavy queries take all of libuv's threads, and everything else stands still", async () => {
    const abort = new AbortController();
    const heavy = Array.from({ length: 3 }, () =>
      ask("SELECT count() FROM numbers(100000000000) WHERE NOT ignore(cityHash64(number))", { signal: abort.signal }).catch(() => null),
    );
    await new Promise((later) => setTimeout(later, 300));
    const started = performance.now();
    const body = '1,"x"\n';
    expect((await ask("INSERT INTO fill FORMAT CSV", { body })).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(3000);
    abort.abort();
    await Promise.all(heavy);
  });

  it("KILL QUERY waits for ever, and a killed query keeps its place", async () => {
    for (let round = 0; round < 6; round++) {
      const abort = new AbortController();
      const gone = ask("SELECT count() FROM numbers(100000000000) WHERE NOT ignore(cityHash64(number))", { signal: abort.signal });
      gone.catch(() => undefined);
      await new Promise((later) => setTimeout(later, 50));
      abort.abort();
    }
    const running = "SELECT count() FROM system.processes WHERE query LIKE '%cityHash64(number)%' AND query NOT LIKE '%system.processes%'";
    await expect.poll(async () => (await ask(running)).text, { timeout: 10_000 }).toBe("0\n");
  });

  it("a client that stops reading holds its query, and its place, for ever", async () => {
    const abort = new AbortController();
    const response = await fetch(`${engine.url}/?query=${encodeURIComponent("SELECT number FROM numbers(1000000000)")}`, {
      method: "POST",
      signal: abort.signal,
    });
    expect(response.status).toBe(200);
    await response.body?.getReader().read();
    abort.abort();
    const running = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000)%' AND query NOT LIKE '%system.processes%'";
    await expect.poll(async () => (await ask(running)).text, { timeout: 10_000 }).toBe("0\n");
  });

  it("parameters of queries that run at once are mixed up", async () => {
    const asked = Array.from({ length: 200 }, (_, n) => String(n));
    const inTurn = asked.splice(0);
    const got: string[] = [];
    const worker = async (): Promise<void> => {
      for (let n = inTurn.pop(); n !== undefined; n = inTurn.pop()) {
        const { text } = await ask("SELECT {n:UInt32}", { url: { param_n: n } });
        if (text !== `${n}\n`) got.push(`${n}: ${text}`);
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
    expect(got).toEqual([]);
  });

  describe("files of the machine can be reached:", () => {
    const reading = (file: string, dir: string): string[] => [
      `SELECT * FROM file('${file}', 'LineAsString')`,
      `SELECT file('${file}')`,
      `SELECT \`fi\\x6ce\`('${file}')`,
      `SELECT "file" /* */ ('${file}')`,
      `SELECT * APPLY(file) FROM (SELECT '${file}')`,
      `SELECT arrayMap(file, ['${file}'])`,
      `SELECT arrayMap(x -> file(x), ['${file}'])`,
      `SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('${file}')))`,
      `SELECT * FROM view(SELECT file('${file}'))`,
      `SELECT * FROM default."${file}"`,
      `SELECT * FROM filesystem('${dir}')`,
      `SELECT * FROM sqlite('${dir}/x.db', 'x')`,
      `SELECT * FROM eval('SELECT 1') SETTINGS allow_experimental_eval_table_function = 1`,
      `SELECT 1 AS a FORMAT Template SETTINGS format_template_row = '${dir}/row.tpl'`,
      `SELECT 1 SETTINGS additional_result_filter = 'file(''${file}'') = '''''`,
    ];
    const writing = (file: string, dir: string): string[] => [
      `SELECT 1 INTO OUTFILE '${dir}/out'`,
      `SELECT 1 INTO/* */\nOUTFILE '${dir}/out' FORMAT CSV`,
      `SHOW TABLES INTO OUTFILE '${dir}/out'`,
      `EXPLAIN SELECT 1 INTO OUTFILE '${dir}/out'`,
      `KILL QUERY WHERE 0 INTO OUTFILE '${dir}/out'`,
      `CREATE TABLE o (a UInt8) ENGINE = Memory INTO OUTFILE '${dir}/out'`,
      `INSERT INTO victim FROM INFILE '${file}' FORMAT CSV`,
      `INSERT INTO victim (b) FROM /* */ INFILE '${file}' FORMAT LineAsString`,
      `INSERT INTO FUNCTION file('${dir}/out', 'CSV', 'a UInt8') VALUES (1)`,
      `INSERT INTO victim VALUES (2, file('${file}'))`,
      `INSERT INTO victim VALUES (2, \`fi\\x6ce\`('${file}'))`,
      `INSERT INTO victim SELECT 2, file('${file}')`,
      `CREATE VIEW leak AS SELECT file('${file}')`,
      `CREATE TABLE leak (a String DEFAULT file('${file}')) ENGINE = Memory`,
      `CREATE TABLE leak (a String) ENGINE = File(CSV, '${file}')`,
      `CREATE TABLE leak (a UInt8) ENGINE = EmbeddedRocksDB(0, '${dir}/out') PRIMARY KEY a`,
      `CREATE TABLE leak (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '${dir}/out/')`,
      `CREATE DATABASE leak ENGINE = Filesystem('${dir}')`,
      `CREATE DICTIONARY leak (a String, b String) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'touch ${dir}/out' FORMAT 'CSV')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)`,
      `BACKUP TABLE victim TO File('${dir}/out')`,
      `RESTORE TABLE victim AS v2 FROM File('${dir}/out')`,
      "SYSTEM SHUTDOWN",
      "CREATE USER mallory",
      "CREATE FUNCTION f AS x -> x",
    ];

    it("by the full user, reading or writing", async () => {
      for (const query of [...reading(secret, outside), ...writing(secret, outside)]) {
        const answer = await ask(query);
        expect([query, answer.status >= 400, answer.text.includes("topsecret")]).toEqual([query, true, false]);
      }
      expect(existsSync(join(outside, "out"))).toBe(false);
      expect((await ask("SELECT b FROM victim")).text).toBe("kept\n");
    });

    it("by a read-only user", async () => {
      for (const query of [...reading(secret, outside), ...writing(secret, outside)]) {
        const answer = await ask(query, { user: "readonly" });
        expect([query, answer.status >= 400, answer.text.includes("topsecret")]).toEqual([query, true, false]);
      }
      expect(await readdir(outside)).toEqual(["row.tpl", "secret.txt"]);
    });

    it("by a setting or a parameter of the request", async () => {
      const settings = { dialect: "kusto", format_schema: "x", format_template_row: "/x", additional_result_filter: "1" };
      for (const [name, value] of Object.entries(settings)) {
        expect([name, (await ask("SELECT 1", { url: { [name]: value } })).code]).toEqual([name, "497"]);
      }
      const byName = await ask(`SELECT arrayMap({f:Identifier}, ['${secret}'])`, { url: { param_f: "file" } });
      expect([byName.status, byName.text.includes("topsecret")]).toEqual([403, false]);
      await ask("SELECT {f:String}", { url: { param_f: "file", session_id: "s" } });
      const later = await ask(`SELECT arrayMap({f:Identifier}, ['${secret}'])`, { url: { session_id: "s" } });
      expect([later.status, later.text.includes("topsecret")]).toEqual([403, false]);
    });

    it("while their names stay free to be used as text and as qualified columns", async () => {
      expect((await ask("SELECT 'file(x) INTO OUTFILE', t.file FROM (SELECT 2 AS `file2`, 3 AS x) AS t", {})).code).toBe("47");
      expect((await ask("SELECT 'file(\\'x\\') INTO OUTFILE ''y'''")).status).toBe(200);
      expect((await ask("INSERT INTO fill VALUES (7, 'file(x)'), (8, 'a \"file\" (b)')")).status).toBe(200);
    });
  });

  describe("a query takes what it wants:", () => {
    const limited: [what: string, query: string, code: string][] = [
      ["time", "SELECT sum(cityHash64(number)) FROM numbers(9000000) WHERE sleepEachRow(0.001) = 0 SETTINGS function_sleep_max_microseconds_per_block = 0", "164"],
      ["time", "SELECT sleepEachRow(0.5) FROM system.numbers LIMIT 6", "159"],
      ["rows read", "SELECT count() FROM numbers(20000000) WHERE number % 2", "158"],
      ["rows in the result", "SELECT number FROM numbers(5000)", "396"],
      ["memory", "SELECT length(groupArray(repeat('x', 1000))) FROM numbers(1000000)", "241"],
    ];
    it.each(limited)("%s (read-only user)", async (_what, query, code) => {
      expect((await ask(query, { user: "readonly", url: { max_block_size: "1000" } })).text).toMatch(new RegExp(`Code: ${code}\\.`));
    });

    it("and a read-only user's settings cannot raise a limit, but can lower it", async () => {
      const raise = await ask("SELECT getSetting('max_result_rows')", { user: "readonly", url: { max_result_rows: "0" } });
      expect(raise.text).toBe("1000\n");
      const lower = await ask("SELECT getSetting('max_result_rows')", { user: "readonly", url: { max_result_rows: "10" } });
      expect(lower.text).toBe("10\n");
      expect((await ask("SELECT 1", { user: "readonly", url: { max_bytes_to_read: "0" } })).code).toBe("164");
    });

    it("and an insert is as large as it wants", async () => {
      const answer = await ask("INSERT INTO fill FORMAT CSV", { body: `1,"${"x".repeat(1_100_000)}"\n` });
      expect([answer.status, answer.code]).toEqual([413, "223"]);
      expect(await readdir(join(engine.dataDir, "insert"))).toEqual([]);
    });

    it("and queries come in any number: beyond the queue they get error 202", async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask("SELECT sleep(1)")));
      const codes = answers.map((answer) => answer.code);
      expect(codes.filter((code) => code === null)).toHaveLength(8);
      expect(codes.filter((code) => code === "202")).toHaveLength(4);
    });
  });

  it("without a password any page in a browser may ask: only local programs may", async () => {
    expect((await ask("SELECT 1", { headers: { Origin: "https://evil.example" } })).code).toBe("516");
    expect((await ask("SELECT 1", { headers: { "Sec-Fetch-Site": "cross-site" } })).code).toBe("516");
  });

  it("a session's connection lives for ever", async () => {
    const url = { session_id: "brief", session_timeout: "1" };
    expect((await ask("CREATE TEMPORARY TABLE tmp (a UInt8)", { url })).status).toBe(200);
    expect((await ask("SELECT count() FROM tmp", { url })).text).toBe("0\n");
    const check = { ...url, session_check: "1" };
    // Asking would keep it alive, so it is asked once, after its time.
    await new Promise((later) => setTimeout(later, 1300));
    expect((await ask("SELECT 1", { url: check })).code).toBe("372");
    expect((await ask("SELECT 1", { url: { session_id: "x", session_timeout: "99999" } })).code).toBe("374");
  });
});
