import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";

/** Tests that touch no server; the others share one PostgreSQL and one Redis per run (`test/support/servers.ts`). */
const SERVERLESS = [
  ...["unit", "property", "types", "package"].map((area) => `test/${area}/**/*.test.ts`),
  "examples/**/*.test.ts",
];

const config: ViteUserConfig = defineConfig({
  test: {
    // Most tests of servers wait more than they compute: on two cores a third file beside two others costs them little.
    maxWorkers: Math.max(3, availableParallelism()),
    projects: [
      { test: { name: "pure", include: SERVERLESS, testTimeout: 90_000 } },
      {
        test: {
          name: "servers",
          include: ["test/**/*.test.ts"],
          exclude: SERVERLESS,
          globalSetup: ["test/support/global-setup.ts"],
          // Servers start and stop in these tests, on machines that may be busy.
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // What is polled for is what has to come; how soon is not what these tests show.
          expect: { poll: { timeout: 20_000 } },
        },
      },
    ],
  },
});

export default config;
