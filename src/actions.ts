/** `flowforge/actions`: actions that come with FlowForge. */
import type { Action } from "./core/definition/action.ts";
import { httpRequest } from "./actions/http-request.ts";
import { log } from "./actions/log.ts";
import { transform } from "./actions/transform.ts";

export { HttpStatusError, httpRequest } from "./actions/http-request.ts";
export { log } from "./actions/log.ts";
export { transform } from "./actions/transform.ts";

/** All of them, for `createEngine({ actions: builtInActions })`. */
export const builtInActions: readonly Action[] = [httpRequest, log, transform];
