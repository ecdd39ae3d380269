// The kind of an RPC: whether its requests, and whether its responses, are a stream.

import type { DescMethod } from '@bufbuild/protobuf';

/** Whether the requests of an RPC are a stream. */
export function streamsRequests({ methodKind }: DescMethod): boolean {
  return methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
}

/** Whether the responses of an RPC are a stream. */
export function streamsResponses({ methodKind }: DescMethod): boolean {
  return methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
}

/** Returns the response of an RPC with one response; `undefined` when there was none. Runs the generator to its end. */
export async function singleResponse<T>(responses: AsyncIterable<T>): Promise<T | undefined> {
  let last: T | undefined;
  for await (const response of responses) last = response;
  return last;
}
