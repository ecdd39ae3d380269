// The interactions of contract files, as what a virtual service answers where no stub is for a call.

import type { DescMethod, DescService, Message, Registry } from '@bufbuild/protobuf';
import { ConnectError, type HandlerContext } from '@connectrpc/connect';
import { toConnectError } from '../contract/connect-error.ts';
import { ContractFileError } from '../contract/contract-document.ts';
import { loadContracts } from '../contract/contract-store.ts';
import type { RpcInteraction } from '../contract/interaction.ts';
import { type IncomingCall, InteractionBook } from '../contract/interaction-book.ts';
import { readInteraction } from '../contract/interaction-json.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import { StubError } from './stub-book.ts';

interface ContractSource {
  readonly services: readonly DescService[];
  readonly registry: Registry;
  /** Those interactions only that are given none but these states. */
  readonly states: readonly string[] | undefined;
}

export class ContractAnswers {
  readonly #interactions: readonly RpcInteraction[];
  readonly #book: InteractionBook;

  constructor(interactions: readonly RpcInteraction[], registry: Registry) {
    this.#interactions = interactions;
    this.#book = new InteractionBook(interactions, { registry, ignoresDeadline: true });
  }

  /** Tells whether there is an interaction with this RPC. */
  covers(method: DescMethod): boolean {
    return this.#interactions.some((interaction) => interaction.method === method);
  }

  /**
   * Answers a call. In a conversation each request gets the response of the same number, as soon as it is clear which
   * conversation it is.
   *
   * @param why what is told of the stubs when no interaction accepts the call either.
   * @throws StubError when none accepts it, or two do; ConnectError where an interaction ends with one.
   */
  async *answer(
    method: DescMethod,
    requests: Iterable<Message> | AsyncIterable<Message>,
    context: HandlerContext,
    why: string,
  ): AsyncGenerator<Message> {
    const received: Message[] = [];
    const call: IncomingCall = { method, requests: received, header: context.requestHeader };
    let answered = 0;
    for await (const request of requests) {
      received.push(request);
      if (method.methodKind !== 'bidi_streaming') continue;
      const interaction = look(() => this.#book.foresee(call), why);
      if (!interaction) continue;
      yield* respond(interaction, context, answered, received.length);
      answered = received.length;
    }
    const { chosen } = look(() => this.#book.choose(call), why);
    yield* respond(chosen, context, answered);
    if (chosen.failure) throw toConnectError(chosen.failure);
  }
}

/**
 * Reads contracts: a file, a folder or a list of both.
 *
 * @throws ContractFileError when a file cannot be read or does not fit the services, when there is nothing in them to
 *   answer, or no interaction is given one of the states.
 */
export async function loadContractAnswers(
  files: string | readonly string[],
  { services, registry, states }: ContractSource,
): Promise<ContractAnswers> {
  const contracts = await loadContracts(files);
  const interactions = contracts
    .flatMap(({ document }) => document.interactions)
    .filter(({ type }) => type !== 'Asynchronous/Messages')
    .map((json) => readInteraction(json, { services, registry }) as RpcInteraction);
  if (interactions.length === 0) throw new ContractFileError(`${[files].flat().join(', ')}: no interaction to answer`);
  return new ContractAnswers(states ? selectGiven(interactions, states) : interactions, registry);
}

function selectGiven(interactions: readonly RpcInteraction[], states: readonly string[]): RpcInteraction[] {
  const known = new Set(interactions.flatMap((interaction) => interaction.states.map(({ name }) => name)));
  const unknown = states.find((name) => !known.has(name));
  if (unknown !== undefined) {
    const there = [...known].join(', ') || 'none';
    throw new ContractFileError(`contractStates: no interaction is given "${unknown}"; there is ${there}`);
  }
  return interactions.filter((interaction) => interaction.states.every(({ name }) => states.includes(name)));
}

function look<T>(find: () => T, why: string): T {
  try {
    return find();
  } catch (error) {
    const { rawMessage, code } = ConnectError.from(error);
    throw new StubError(`${rawMessage}; ${why}`, { code, cause: error });
  }
}

function* respond(
  { method, responses, responseHeaders, responseTrailers }: RpcInteraction,
  { responseHeader, responseTrailer }: HandlerContext,
  from: number,
  to?: number,
): Generator<Message> {
  for (const [name, value] of Object.entries(createExampleHeaders(responseHeaders))) responseHeader.set(name, value);
  for (const [name, value] of Object.entries(createExampleHeaders(responseTrailers))) responseTrailer.set(name, value);
  for (const pattern of responses.slice(from, to)) yield createExample(method.output, pattern);
}
