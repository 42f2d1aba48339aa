import { GenericContainer, getContainerRuntimeClient, Wait } from "testcontainers";
import { describe, it } from "vitest";
import { receiveContract } from "./suite.ts";

/** Set to test against another version; the default is the release line that the embedded engine is built from. */
const IMAGE = process.env.SIGNALBOX_TEST_CLICKHOUSE_IMAGE ?? "clickhouse/clickhouse-server:latest";

const reason = await getContainerRuntimeClient().then(
  () => undefined,
  (error: Error) => error.message.split("\n")[0],
);

if (reason === undefined) {
  receiveContract("a ClickHouse server", async () => {
    const container = await new GenericContainer(IMAGE)
      .withEnvironment({ CLICKHOUSE_USER: "default", CLICKHOUSE_PASSWORD: "test-password" })
      .withExposedPorts(8123)
      .withWaitStrategy(Wait.forHttp("/ping", 8123))
      .start();
    return {
      url: `http://${container.getHost()}:${container.getMappedPort(8123)}`,
      username: "default",
      password: "test-password",
      stop: async () => {
        await container.stop();
      },
    };
  });
} else {
  process.stderr.write(`skipped the receiver's contract against a ClickHouse server: ${reason}\n`);
  describe("a ClickHouse server", () => {
    it.skip(`stores the golden cases (skipped: ${reason})`, () => undefined);
  });
}
