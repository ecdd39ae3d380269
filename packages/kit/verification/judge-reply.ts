// Compares what a provider answered with what its consumer relies on: by meaning, and no further than the consumer does.

import type { Message, Registry } from '@bufbuild/protobuf';
import { Code, type ConnectError } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { shorten } from '../base/format-value.ts';
import type { DetailPattern, Failure, RpcInteraction } from '../contract-file/interaction.ts';
import { type Difference, elementPath, fieldPath } from '../matching/difference.ts';
import { matchHeaders } from '../matching/header-pattern.ts';
import { matchMessage } from '../matching/match-message.ts';
import type { ActualReply } from './replay.ts';

/** Returns where a reply breaks the contract; nothing when the contract is honoured. */
export function judgeReply(interaction: RpcInteraction, reply: ActualReply, registry: Registry): Difference[] {
  const ending = judgeEnding(interaction.failure, reply.error, registry);
  // Without the answer that was expected there is nothing more to say about it.
  if (reply.error && !interaction.failure) return ending;
  return [
    ...ending,
    ...judgeMessages(interaction, reply.messages, registry),
    ...matchHeaders(interaction.responseHeaders, (name) => reply.headers.get(name), 'headers'),
    ...matchHeaders(interaction.responseTrailers, (name) => reply.trailers.get(name), 'trailers'),
  ];
}

function judgeMessages({ method, responses }: RpcInteraction, messages: readonly Message[], registry: Registry) {
  const isStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
  const size = { path: 'responses', expected: `${responses.length} messages`, actual: String(messages.length) };
  const differences = responses.slice(0, messages.length).flatMap((pattern, index) => {
    const found = matchMessage(method.output, pattern, messages[index] as Message, { isClosed: false, registry });
    return isStream ? found.map((difference) => within(elementPath('responses', index), difference)) : found;
  });
  return isStream && messages.length !== responses.length ? [size, ...differences] : differences;
}

function judgeEnding(
  expected: Failure | undefined,
  actual: ConnectError | undefined,
  registry: Registry,
): Difference[] {
  if (!expected) return actual ? [{ path: 'error', expected: 'none', actual: describeError(actual) }] : [];
  if (!actual) return [{ path: 'error', expected: codeToString(expected.code), actual: 'none' }];
  const code = { path: 'error.code', expected: codeToString(expected.code), actual: describeError(actual) };
  return [
    ...(actual.code === expected.code ? [] : [code]),
    // A plain message is an example: its words may change.
    ...(expected.message.kind === 'equal' ? [] : judgeMessage(expected, actual)),
    ...expected.details.flatMap((detail, index) => judgeDetail(detail, index, actual, registry)),
  ];
}

function judgeMessage({ message }: Failure, actual: ConnectError): Difference[] {
  const differences = matchHeaders({ message }, () => actual.rawMessage, 'error');
  return differences.map((difference) => ({ ...difference, path: 'error.message' }));
}

function judgeDetail(expected: DetailPattern, index: number, actual: ConnectError, registry: Registry): Difference[] {
  const path = elementPath('error.details', index);
  const [nearest] = actual
    .findDetails(expected.desc)
    .map((detail) => matchMessage(expected.desc, expected.pattern, detail, { isClosed: false, registry }))
    .sort((a, b) => a.length - b.length);
  if (nearest) return nearest.map((difference) => within(path, difference));
  const types = actual.details.map((detail) => ('type' in detail ? detail.type : detail.desc.typeName));
  return [{ path, expected: `a ${expected.desc.typeName}`, actual: types.join(', ') || 'nothing' }];
}

function within(outer: string, { path, ...difference }: Difference): Difference {
  return { path: path === '' ? outer : fieldPath(outer, path), ...difference };
}

function describeError({ code, rawMessage }: ConnectError): string {
  const name = Code[code] === undefined ? String(code) : codeToString(code);
  return shorten(rawMessage === '' ? name : `${name}: ${rawMessage}`);
}
