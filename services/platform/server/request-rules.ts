// The interceptor that applies the rules of the contract to every request, so that no handler sees one that violates them.
import type { DescMessage, DescMethod, Message } from '@bufbuild/protobuf';
import type { Interceptor } from '@connectrpc/connect';
import { type MessageCheck, requireValid } from '../base/contract-rules.ts';

/** What a service checks of a request beside the rules of the contract. */
export type RequestCheck = {
  readonly method: DescMethod;
  readonly check: MessageCheck;
};

/** Binds a check to a method. The handler applies it too; here it completes the violations of a request that violates the contract. */
export function checkOf<Input extends DescMessage>(
  method: DescMethod & { readonly input: Input },
  check: MessageCheck<Input>,
): RequestCheck {
  return { method, check: check as MessageCheck };
}

/** Creates the interceptor. It runs after access control: a caller who may not call gets no hint about fields. */
export function createRequestRules(checks: readonly RequestCheck[] = []): Interceptor {
  const byMethod = new Map(checks.map(({ method, check }) => [method, check]));
  const requireValidRequest = (method: DescMethod, message: Message) =>
    requireValid(method.input, message, byMethod.get(method));
  async function* requireEachValid(method: DescMethod, messages: AsyncIterable<Message>): AsyncGenerator<Message> {
    for await (const message of messages) {
      requireValidRequest(method, message);
      yield message;
    }
  }
  return (next) => (request) => {
    if (request.stream) return next({ ...request, message: requireEachValid(request.method, request.message) });
    requireValidRequest(request.method, request.message);
    return next(request);
  };
}
