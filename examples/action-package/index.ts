/**
 * A package of actions, as somebody else would publish it. In a package of your own, the import is
 * `from "flowforge"`, with `flowforge` and `zod` as peer dependencies. Its users write
 *
 *     import { chatActions } from "flowforge-chat";
 *     createEngine({ actions: [...chatActions] });
 */
import type { Action } from "../../src/index.ts";
import { findMessages } from "./find-messages.ts";
import { postMessage } from "./post-message.ts";

export { findMessages } from "./find-messages.ts";
export { type PostedMessage, postMessage } from "./post-message.ts";
export { ChatError } from "./service.ts";

export const chatActions: readonly Action[] = [findMessages, postMessage];
