/**
 * The dashboard: a page without anything in it, its script, its style sheet, and who looks at it. What it shows it asks the API for, so
 * it can see and do nothing that the API would not allow.
 */
import { asset, type AssetName } from "../dashboard/assets.ts";
import { SAFE_HEADERS } from "../problem.ts";
import { type Caller, type Route, route } from "../route.ts";

/** Nothing from elsewhere, nothing inline, and in nobody's frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** Names are relative, so it does not matter where the host has mounted the handler. */
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>FlowForge</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="dashboard/app.css">
<script src="dashboard/app.js" defer></script>
</head>
<body>
<div id="app"></div>
<noscript>The dashboard needs JavaScript. The same data is in the API.</noscript>
</body>
</html>
`;

/** `all`: every route there is. Asked late, because these are among them. */
export function dashboardRoutes(all: () => readonly Route[]): readonly Route[] {
  return [
    route({
      id: "dashboard",
      method: "GET",
      path: "/dashboard",
      summary: "The dashboard, for a browser",
      answer: () =>
        new Response(PAGE, {
          headers: {
            ...SAFE_HEADERS,
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": POLICY,
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
          },
        }),
    }),
    built("dashboard.script", "app.js", "text/javascript; charset=utf-8"),
    built("dashboard.style", "app.css", "text/css; charset=utf-8"),
    route({
      id: "session",
      method: "GET",
      path: "/session",
      summary: "Who asks, and the operations that he may do",
      answer: ({ workspace, allWorkspaces, actor, may }) => ({
        workspace,
        allWorkspaces,
        actor: actor ?? null,
        operations: all()
          .filter((each) => !each.open && may(each))
          .map(({ id }) => id),
      }),
    }),
  ];
}

/** Open: it is the same for everybody, and part of a public package. */
function built(id: string, name: AssetName, type: string): Route {
  return route({
    id,
    method: "GET",
    path: `/dashboard/${name}`,
    summary: `The dashboard's ${name}`,
    open: true,
    answer: (caller) => file(caller, name, type),
  });
}

async function file({ request }: Caller, name: AssetName, type: string): Promise<Response> {
  const { bytes, etag } = await asset(name);
  const headers = { ...SAFE_HEADERS, "cache-control": "no-cache", etag };
  if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers });
  return new Response(bytes, { headers: { ...headers, "content-type": type } });
}
