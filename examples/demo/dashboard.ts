/** The dashboard on a port of this machine, for whoever has the address that is printed. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createHandler, toNodeHandler } from "../../src/http.ts";
import type { Engine } from "../../src/index.ts";

export interface Dashboard {
  /** With a login that is good for this process. */
  readonly url: string;
  close(): Promise<void>;
}

const COOKIE = "flowforge-demo";

export async function openDashboard(engine: Engine): Promise<Dashboard> {
  // Other users and pages of this machine can reach the port too.
  const secret = randomBytes(24).toString("base64url");
  const isSecret = (text: string | null | undefined): boolean =>
    typeof text === "string" &&
    text.length === secret.length &&
    timingSafeEqual(Buffer.from(text), Buffer.from(secret));
  const handler = toNodeHandler(
    createHandler(engine, {
      authorize: ({ headers }) =>
        isSecret(cookieOf(headers.get("cookie")))
          ? { workspace: "default", allWorkspaces: true, actor: "you" }
          : null,
    }),
  );
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    if (pathname !== "/" || !isSecret(searchParams.get("login"))) return void handler(request, response);
    const cookie = `${COOKIE}=${secret}; HttpOnly; SameSite=Strict; Path=/`;
    response.writeHead(303, { location: "/dashboard", "set-cookie": cookie }).end();
  };
  const server = createServer(answer);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/?login=${secret}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function cookieOf(header: string | null): string | undefined {
  const pairs = (header ?? "").split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([name]) => name === COOKIE)?.[1];
}
