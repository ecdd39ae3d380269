// The conversion of a recorded exchange to an interaction, which the kit can answer from, compare and write to contracts.

import type { DescMessage, DescMethod, Registry } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { shorten } from '../base/format-value.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { DetailPattern, Failure, ProviderState, RpcInteraction } from '../contract-file/interaction.ts';
import type { HeaderPattern, HeaderPatterns } from '../matching/header-pattern.ts';
import type { RecordedExchange, RecordedFailure, RecordedHeaders, Redactable } from './exchange.ts';
import { type PatternChoices, patternOf } from './message-pattern.ts';
import { RecordingError } from './recording-error.ts';

/** How to convert an exchange. */
export type InteractionChoices = {
  readonly methods: ReadonlyMap<string, DescMethod>;
  readonly description: string;
  readonly states: readonly ProviderState[];
  readonly requests: PatternChoices;
  readonly responses: PatternChoices;
  /** Returns whether a header or trailer is part of the interaction. */
  readonly includesHeader: (name: string, of: 'request' | 'response') => boolean;
};

/** @throws {RecordingError} naming the exchange and what the schema does not have. */
export function toInteraction(exchange: RecordedExchange, choices: InteractionChoices): RpcInteraction {
  try {
    return readInteraction(exchange, choices);
  } catch (error) {
    throw new RecordingError(`exchange ${exchange.number}: ${(error as Error).message}`, { cause: error });
  }
}

function readInteraction(exchange: RecordedExchange, choices: InteractionChoices): RpcInteraction {
  const { request, response } = exchange;
  const method = choices.methods.get(exchange.rpc);
  if (!method) throw new RecordingError(`there is no RPC ${exchange.rpc} in "services"`);
  const headers = (of: 'request' | 'response', from: RecordedHeaders) =>
    toHeaderPatterns(from, (name) => choices.includesHeader(name, of));
  return {
    kind: 'rpc',
    description: choices.description,
    states: choices.states,
    method,
    requests: request.messages.map((message) => patternOf(method.input, message, choices.requests)),
    metadata: headers('request', request.headers),
    deadline: undefined,
    responses: response.messages.map((message) => patternOf(method.output, message, choices.responses)),
    responseHeaders: headers('response', response.headers),
    responseTrailers: headers('response', response.trailers),
    failure: readFailure(exchange, choices.responses),
  };
}

function readFailure(
  { response: { error }, brokenOff }: RecordedExchange,
  choices: PatternChoices,
): Failure | undefined {
  if (error) return toFailure(error, choices);
  if (brokenOff === undefined) return undefined;
  const message = `the recording of this call ends here: ${brokenOff}`;
  return { code: Code.DataLoss, message: { kind: 'equal', example: message }, details: [] };
}

function toFailure({ code: name, message, details }: RecordedFailure, choices: PatternChoices): Failure {
  const code = codeFromString(name);
  if (code === undefined) throw new RecordingError(`"${name}" is not an error code`);
  const patterns = details.flatMap(({ type, message: value, ...rest }): DetailPattern[] => {
    if (value === undefined) return [];
    const desc = findType(type, choices.registry);
    return [{ desc, pattern: patternOf(desc, { message: value, ...rest }, choices) }];
  });
  return { code, message: toHeaderPattern(message), details: patterns };
}

function findType(type: string, registry: Registry): DescMessage {
  const desc = registry.getMessage(type);
  if (!desc) throw new RecordingError(`there is no message ${type}; name it in "types"`);
  return desc;
}

function toHeaderPatterns(headers: RecordedHeaders, includes: (name: string) => boolean): HeaderPatterns {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => includes(name))
      .map(([name, value]) => [name, toHeaderPattern(value)]),
  );
}

function toHeaderPattern(value: Redactable): HeaderPattern {
  return typeof value === 'string' ? { kind: 'equal', example: value } : { kind: 'like', example: 'redacted' };
}

/** Returns the RPCs of services by name. */
export function methodsOf(services: readonly { readonly methods: readonly DescMethod[] }[]): Map<string, DescMethod> {
  return new Map(services.flatMap(({ methods }) => methods).map((method) => [nameOf(method), method]));
}

/** Returns a short description of an exchange, such as `GetBook {"bookId":"b1"}`. */
export function describeExchange({ rpc, request }: RecordedExchange): string {
  const sent = request.messages.map(({ message }) => JSON.stringify(message)).join(' ');
  return shorten(`${rpc.slice(rpc.indexOf('/') + 1)} ${sent}`.trimEnd());
}

/** Returns a warning that an exchange is left out because it was broken off. */
export function explainOmission(exchange: RecordedExchange): string {
  return `exchange ${exchange.number}, ${describeExchange(exchange)}, is left out: ${exchange.brokenOff}`;
}

/** Returns warnings of what the exchange lacks because the recorder did not know it, such as an extension. */
export function explainLosses(exchange: RecordedExchange): string[] {
  const losses = [...exchange.request.messages, ...exchange.response.messages].flatMap(({ lost = [] }) => lost);
  return losses.map(
    (lost) => `exchange ${exchange.number}, ${describeExchange(exchange)}, lacks what was not recorded: ${lost}`,
  );
}
