import { defineConfig, type ViteUserConfig } from "vitest/config";

/** Tests that touch no server; the others share one PostgreSQL and one Redis per run (`test/support/servers.ts`). */
const SERVERLESS = [
  ...["unit", "property", "types", "package"].map((area) => `test/${area}/**/*.test.ts`),
  "examples/**/*.test.ts",
];

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      { test: { name: "pure", include: SERVERLESS, testTimeout: 30_000 } },
      {
        test: {
          name: "servers",
          include: ["test/**/*.test.ts"],
          exclude: SERVERLESS,
          globalSetup: ["test/support/global-setup.ts"],
          // Servers start and stop in these tests, on machines that may be busy.
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

export default config;
