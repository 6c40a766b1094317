/** What came in at a webhook's path, as its sender wrote it. */
export interface WebhookRequest {
  readonly method: string;
  /** As the sender knows it. */
  readonly url: string;
  /** Names in lower case. One that came twice is joined with a comma. */
  readonly headers: { readonly [name: string]: string };
  /** As it came: not parsed, not decoded. */
  readonly body: Uint8Array;
}

/** `undefined`: it is not there. */
export function headerOf({ headers }: WebhookRequest, name: string): string | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}

/** The value of the one of these headers that is there. `undefined`: none is. `null`: several are, and nobody can tell which counts. */
export function oneOf(request: WebhookRequest, names: readonly string[]): string | null | undefined {
  const found = names.map((name) => headerOf(request, name)).filter((value) => value !== undefined);
  return found.length > 1 ? null : found[0];
}
