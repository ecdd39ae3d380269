// What the tests of contracts share: interactions with the kit's example service.
import type { DescMethod } from '@bufbuild/protobuf';
import { declareCall, declareReply } from '../../../../packages/kit/contract/declare-rpc.ts';
import type { ProviderState, RpcInteraction } from '../../../../packages/kit/contract-file/interaction.ts';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';

export const { getBook, lendBook, listBooks, returnBooks, askLibrarian } = LibraryService.method;
export const registry = createTypeRegistry([LibraryService]);
export const schema = { services: [LibraryService], registry };

/** Returns an interaction that is answered. */
export function interactionOf(
  description: string,
  method: DescMethod,
  request: unknown,
  response: unknown = {},
  states: readonly ProviderState[] = [],
): RpcInteraction {
  return declareReply(declareCall(description, states, method, request), response, {});
}
