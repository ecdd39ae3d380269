// Reads the body of a plain HTTP request.

// Callers are answered when they have sent their body: one that is a little too large is read for this. No honest one is this large.
const MOST_DISCARDED_BYTES = 4_194_304;

/**
 * Undefined for a body of more than `mostBytes`, of which nothing is kept. It is read to its end, so that the caller gets the answer;
 * the connection of one that sends 4 MiB more is closed.
 */
export async function readBody(
  request: AsyncIterable<Uint8Array>,
  mostBytes: number,
): Promise<Buffer<ArrayBuffer> | undefined> {
  let chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // Leaving the loop destroys the request.
    if (size > mostBytes + MOST_DISCARDED_BYTES) return undefined;
    if (size > mostBytes) chunks = [];
    else chunks.push(chunk);
  }
  return size > mostBytes ? undefined : Buffer.concat(chunks);
}
