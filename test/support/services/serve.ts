// A use case as its server calls it: with a request that the contract and the service's own checks accept.
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { type MessageCheck, requireValid } from '#services/platform/base/contract-rules.ts';

/**
 * Passes a request to a use case.
 *
 * @param check what the service checks of the request beside the rules of the contract.
 * @throws {DomainError} INVALID_REQUEST with all violations; then the use case is not called.
 */
export async function serve<Schema extends DescMessage, Result>(
  schema: Schema,
  init: MessageInitShape<Schema>,
  handle: (request: MessageShape<Schema>) => Result,
  check?: MessageCheck<Schema>,
): Promise<Awaited<Result>> {
  const request = create(schema, init);
  requireValid(schema, request, check as MessageCheck);
  return await handle(request);
}
