/** Who may ask: here whoever knows the one token. A real service looks at its sessions or checks a signed token. */
import type { Authorize } from "../../src/http.ts";

export const authorize: Authorize = (request) =>
  request.headers.get("authorization") === "Bearer demo-token" ? { workspace: "shop", actor: "demo" } : null;
