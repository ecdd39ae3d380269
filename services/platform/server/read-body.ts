// Reads the body of a plain HTTP request.
import type { IncomingMessage } from 'node:http';

/** Undefined for a body of more than `mostBytes`: it is read to its end, so that the caller gets the answer, and not kept. */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer | undefined> {
  let chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > mostBytes) chunks = [];
    else chunks.push(chunk as Buffer);
  }
  return size > mostBytes ? undefined : Buffer.concat(chunks);
}
