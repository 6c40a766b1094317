/** A value as JSON knows it. Everything that is stored (inputs, outputs, payloads) is one of these. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object, where a list or a plain value would make no sense. */
export type JsonObject = { readonly [key: string]: Json };
