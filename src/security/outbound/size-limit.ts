/** Bodies of answers, never more of them than is allowed. They are counted as they are read: after decompression. */
import { nameOf, refusal } from "./refusal.ts";

export function withinSize(
  body: AsyncIterable<unknown> & { cancel(reason?: unknown): Promise<void> },
  url: URL,
  maxBytes: number,
): ReadableStream<Uint8Array> {
  return ReadableStream.from(limited(body as AsyncIterable<Uint8Array>, url, maxBytes));
}

async function* limited(
  chunks: AsyncIterable<Uint8Array>,
  url: URL,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  // Leaving the loop, by whatever way, ends the connection's part too.
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(url, maxBytes);
    yield chunk;
  }
}

function tooLarge(url: URL, maxBytes: number): Error {
  return refusal("outbound_response_too_large", {
    subject: nameOf(url),
    expected: `an answer of at most ${maxBytes} bytes`,
    next: "Ask for less, page by page, or raise `http.maxResponseBytes` of the engine.",
  });
}
