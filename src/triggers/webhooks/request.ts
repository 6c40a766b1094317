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
