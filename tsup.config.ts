import { defineConfig, type Options } from "tsup";

// ESM only: kysely is, and CommonJS hosts load ESM with require() since Node.js 22.12.
const config: Options = {
  entry: {
    index: "src/index.ts",
    actions: "src/actions.ts",
    http: "src/http.ts",
    testing: "src/testing.ts",
    // A thread is started from a file.
    "lease-keeper-thread": "src/postgres/lease-keeper-thread.ts",
    // So is a process.
    "sandbox-process": "src/security/sandbox/sandbox-process.ts",
  },
  format: "esm",
  target: "node22",
  dts: true,
  clean: true,
  splitting: true,
  sourcemap: false,
  treeshake: true,
};

export default defineConfig(config) as Options;
