import { provideServers } from "./provide.ts";

/** vitest `globalSetup`: servers before the first test file, gone after the last one. */
export default async function setup(): Promise<() => Promise<void>> {
  const servers = await provideServers();
  return servers.stop;
}
