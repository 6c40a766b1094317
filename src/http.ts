/**
 * `flowforge/http`: the engine's JSON API, run events and OpenAPI document as one function from `Request` to `Response`, to be mounted
 * in a server that the host has. It brings no server and no framework.
 */
export type { Access, Authorize } from "./http/access.ts";
export { createHandler, type Handler, type HandlerOptions } from "./http/handler.ts";
export { toNodeHandler, type NodeHandler, type NodeRequest } from "./http/node.ts";
