import { startEngine } from "../../support/engine.ts";
import { receiveContract } from "./suite.ts";

receiveContract("the embedded store", async () => {
  const engine = await startEngine();
  return { url: engine.url, username: "default", password: "", stop: () => engine.stop() };
});
