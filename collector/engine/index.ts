export { createEngineServer, type EngineServer } from "./server.ts";
export { engineConfigSchema, ENGINE_THREADPOOL_SIZE, type EngineConfig, type EngineOptions } from "./config.ts";
export { registerStore } from "./command.ts";
