// The rules of `buf.validate` that a virtual service enforces in the place of the service it stands for.

import type { DescMessage, Message, Registry } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { loadProtovalidate } from '../schema/protovalidate.ts';

/** Returns the error of a request that violates a rule, with all violations as its detail; `undefined` if it violates none. */
export type RuleCheck = (desc: DescMessage, request: Message) => ConnectError | undefined;

/** Creates a check of the rules that the types of a registry have. */
export async function createRuleCheck(registry: Registry): Promise<RuleCheck> {
  const { createValidator, violationsToProto } = await loadProtovalidate();
  const validator = createValidator({ registry });
  return (type, request) => {
    const result = validator.validate(type, request);
    if (result.kind === 'valid') return undefined;
    // The rule itself is invalid.
    if (result.kind === 'error')
      return new ConnectError(result.error.message, Code.Internal, undefined, [], result.error);
    const [value, desc] = violationsToProto(result.violations);
    return new ConnectError(result.error.message, Code.InvalidArgument, undefined, [{ desc, value }]);
  };
}
