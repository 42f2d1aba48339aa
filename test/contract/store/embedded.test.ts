import { startEngine } from "../../support/engine.ts";
import { storeContract } from "./suite.ts";

storeContract("the embedded store", async () => {
  const engine = await startEngine({
    users: [
      { name: "default", password: "full-password", access: "full" },
      { name: "reader", password: "reader-password", access: "readonly" },
    ],
  });
  return {
    url: engine.url,
    username: "default",
    password: "full-password",
    readonly: { username: "reader", password: "reader-password" },
    stop: () => engine.stop(),
  };
});
