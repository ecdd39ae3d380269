// Fixtures of the tests of recordings: the types of the library, and exchanges with it.

import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import type { RecordedExchange } from '../../../../packages/kit/recording/exchange.ts';

export const registry = createTypeRegistry([LibraryService]);

/** Returns an exchange of GetBook with the changes of `change`. */
export function exchangeOf(
  request: object,
  response: object,
  change: Partial<RecordedExchange> = {},
): RecordedExchange {
  return {
    number: 1,
    rpc: 'library.v1.LibraryService/GetBook',
    protocol: 'grpc',
    codec: 'binary',
    startedAt: '2026-01-02T03:04:05.678Z',
    durationMs: 7,
    request: { headers: {}, messages: [{ message: request as never }] },
    response: { headers: {}, messages: [{ message: response as never }], trailers: {} },
    ...change,
  };
}
