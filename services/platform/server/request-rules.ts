// The interceptor that applies the rules of the contract to every request, so that no handler sees one that violates them.
import type { DescMessage, DescMethod, Message, MessageShape } from '@bufbuild/protobuf';
import type { Interceptor } from '@connectrpc/connect';
import { findViolations } from '../base/contract-rules.ts';
import { invalidArgument } from '../base/errors.ts';
import { createValidation, type Validation } from '../base/validation.ts';

/** What a service checks of a request beside the rules of the contract. */
export type RequestCheck = {
  readonly method: DescMethod;
  /** Adds the violations; it must not read anything but the request. */
  readonly check: (request: Message, validation: Validation) => void;
};

/** Binds a check to a method. The handler applies it too; here it completes the violations of a request that violates the contract. */
export function checkOf<Input extends DescMessage>(
  method: DescMethod & { readonly input: Input },
  check: (request: MessageShape<Input>, validation: Validation) => void,
): RequestCheck {
  return { method, check: check as RequestCheck['check'] };
}

/**
 * Applies the rules of the contract to a request. Only of a request that violates them, `check` adds further violations, of other fields.
 * @throws {DomainError} `invalid_argument` INVALID_REQUEST with all violations.
 */
export function requireValidRequest(input: DescMessage, message: Message, check?: RequestCheck['check']): void {
  const violations = findViolations(input, message);
  if (violations.length === 0) return;
  const validation = createValidation();
  check?.(message, validation);
  const fields = new Set(violations.map(({ field }) => field));
  throw invalidArgument([...violations, ...validation.violations().filter(({ field }) => !fields.has(field))]);
}

/** Creates the interceptor. It runs after access control: a caller who may not call gets no hint about fields. */
export function createRequestRules(checks: readonly RequestCheck[] = []): Interceptor {
  const byMethod = new Map(checks.map(({ method, check }) => [method, check]));
  const requireValid = (method: DescMethod, message: Message) =>
    requireValidRequest(method.input, message, byMethod.get(method));
  async function* requireEachValid(method: DescMethod, messages: AsyncIterable<Message>): AsyncGenerator<Message> {
    for await (const message of messages) {
      requireValid(method, message);
      yield message;
    }
  }
  return (next) => (request) => {
    if (request.stream) return next({ ...request, message: requireEachValid(request.method, request.message) });
    requireValid(request.method, request.message);
    return next(request);
  };
}
