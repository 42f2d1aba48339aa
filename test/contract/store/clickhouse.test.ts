import { GenericContainer, getContainerRuntimeClient, Wait, type StartedTestContainer } from "testcontainers";
import { describe, it } from "vitest";
import { storeContract } from "./suite.ts";

/** Set to test against another version; the default is the release line that the embedded engine is built from. */
const IMAGE = process.env.SIGNALBOX_TEST_CLICKHOUSE_IMAGE ?? "clickhouse/clickhouse-server:latest";

const READER = `<clickhouse><users><reader>
  <password>reader-password</password><networks><ip>::/0</ip></networks><profile>readonly</profile><quota>default</quota>
</reader></users></clickhouse>`;

const reason = await getContainerRuntimeClient().then(
  () => undefined,
  (error: Error) => error.message.split("\n")[0],
);

if (reason === undefined) {
  storeContract("a ClickHouse server", async () => {
    const container: StartedTestContainer = await new GenericContainer(IMAGE)
      .withEnvironment({ CLICKHOUSE_USER: "default", CLICKHOUSE_PASSWORD: "full-password", CLICKHOUSE_DB: "signalbox" })
      .withCopyContentToContainer([{ content: READER, target: "/etc/clickhouse-server/users.d/reader.xml" }])
      .withExposedPorts(8123)
      .withWaitStrategy(Wait.forHttp("/ping", 8123))
      .start();
    return {
      url: `http://${container.getHost()}:${container.getMappedPort(8123)}`,
      username: "default",
      password: "full-password",
      readonly: { username: "reader", password: "reader-password" },
      stop: async () => {
        await container.stop();
      },
    };
  });
} else {
  process.stderr.write(`skipped the store contract against a ClickHouse server: ${reason}\n`);
  describe("a ClickHouse server", () => {
    it.skip(`meets the contract (skipped: ${reason})`, () => undefined);
  });
}
