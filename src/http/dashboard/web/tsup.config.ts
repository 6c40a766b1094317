import { defineConfig, type Options } from "tsup";

// The dashboard is one script and one style sheet, with everything that they need in them: the host serves them as they are.
const config: Options = {
  entry: { app: "src/http/dashboard/web/main.tsx" },
  outDir: "dist/dashboard",
  tsconfig: "src/http/dashboard/web/tsconfig.json",
  format: "iife",
  platform: "browser",
  target: ["chrome120", "firefox121", "safari17.2"],
  outExtension: () => ({ js: ".js" }),
  minify: true,
  clean: true,
  noExternal: [/./],
};

export default defineConfig(config) as Options;
