// Forwards one call of the page to the service it is for, with the credentials that access control put into its headers.
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { invalidArgument } from '../platform/base/errors.ts';
import { DependencyError } from '../platform/client/dependency-error.ts';
import type { Dependency } from '../platform/client/rpc-client.ts';
import { forwardedMethods, TARGET_HEADER } from './forwarded-services.ts';

type Clients = Pick<Dependency, 'client'>;
type AnyCall = (request: Message, options: object) => Promise<Message> | AsyncIterable<Message>;

/** Registers the forwarded methods of `service`; each call goes to what `targetOf` returns. Other methods answer `unimplemented`. */
export function forwardService(
  router: ConnectRouter,
  service: DescService,
  targetOf: (context: HandlerContext) => Clients,
): void {
  const implementation = Object.fromEntries(
    forwardedMethods(service).map((method) => [method.localName, forwardMethod(service, method, targetOf)]),
  );
  router.service(service, implementation as never);
}

function forwardMethod(service: DescService, method: DescMethod, targetOf: (context: HandlerContext) => Clients) {
  const begin = (request: Message, context: HandlerContext) => {
    const client = targetOf(context).client(service) as Record<string, AnyCall | undefined>;
    const call = client[method.localName];
    if (call === undefined) throw new Error(`${method.name} has no client`);
    return call(request, optionsOf(context));
  };
  if (method.methodKind === 'unary') {
    return async (request: Message, context: HandlerContext) => {
      try {
        return await (begin(request, context) as Promise<Message>);
      } catch (error) {
        throw toAnswer(error);
      }
    };
  }
  return async function* (request: Message, context: HandlerContext) {
    try {
      yield* begin(request, context) as AsyncIterable<Message>;
    } catch (error) {
      throw toAnswer(error);
    }
  };
}

function optionsOf(context: HandlerContext): object {
  const authorization = context.requestHeader.get('authorization');
  const timeoutMs = context.timeoutMs();
  return {
    signal: context.signal,
    headers: authorization === null ? {} : { authorization },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** What the service itself answered keeps its code, message and details; its headers stay here. */
function toAnswer(error: unknown): unknown {
  const cause = error instanceof DependencyError ? error.cause : error;
  if (!(cause instanceof ConnectError) || !(cause.isWireError || isTimeout(error))) return error;
  const answer = new ConnectError(cause.rawMessage, cause.code, undefined, undefined, cause);
  answer.details = cause.details;
  return answer;
}

function isTimeout(error: unknown): boolean {
  return error instanceof DependencyError && error.failure === 'timeout';
}

/**
 * Returns the value of TARGET_HEADER.
 * @throws {DomainError} invalid_argument when it names none of `names`.
 */
export function targetNameOf<Name extends string>(headers: Headers, names: readonly Name[]): Name {
  const name = names.find((known) => known === headers.get(TARGET_HEADER));
  if (name !== undefined) return name;
  throw invalidArgument([{ field: TARGET_HEADER, description: `the header must be one of ${names.join(', ')}` }]);
}
