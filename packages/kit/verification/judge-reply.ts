// The comparison of a provider's reply with what its consumer relies on: by meaning, ignoring everything else.

import type { Message, Registry } from '@bufbuild/protobuf';
import { Code, type ConnectError } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { shorten } from '../base/format-value.ts';
import { streamsResponses } from '../base/method-kind.ts';
import type { DetailPattern, Failure, RpcInteraction } from '../contract-file/interaction.ts';
import { type Difference, differencesWithin, elementPath, fewestDifferences } from '../matching/difference.ts';
import { matchHeaders } from '../matching/header-pattern.ts';
import { matchMessage } from '../matching/match-message.ts';
import type { ActualReply } from './replay.ts';

/** Returns the differences between a reply and the contract; none when the contract is honoured. */
export function judgeReply(interaction: RpcInteraction, reply: ActualReply, registry: Registry): Difference[] {
  const end = judgeEnd(interaction.failure, reply.error, registry);
  // Without an answer, each expected value would be reported as missing.
  if (reply.error && !interaction.failure) return end;
  return [
    ...end,
    ...judgeMessages(interaction, reply.messages, registry),
    ...matchHeaders(interaction.responseHeaders, (name) => reply.headers.get(name), 'headers'),
    ...matchHeaders(interaction.responseTrailers, (name) => reply.trailers.get(name), 'trailers'),
  ];
}

function judgeMessages({ method, responses }: RpcInteraction, messages: readonly Message[], registry: Registry) {
  const isStream = streamsResponses(method);
  const size = { path: 'responses', expected: `${responses.length} messages`, actual: String(messages.length) };
  const differences = responses.slice(0, messages.length).flatMap((pattern, index) => {
    const found = matchMessage(method.output, pattern, messages[index] as Message, { isClosed: false, registry });
    return isStream ? differencesWithin(elementPath('responses', index), found) : found;
  });
  return isStream && messages.length !== responses.length ? [size, ...differences] : differences;
}

function judgeEnd(expected: Failure | undefined, actual: ConnectError | undefined, registry: Registry): Difference[] {
  if (!expected) return actual ? [{ path: 'error', expected: 'none', actual: describeError(actual) }] : [];
  if (!actual) return [{ path: 'error', expected: codeToString(expected.code), actual: 'none' }];
  const code = { path: 'error.code', expected: codeToString(expected.code), actual: describeError(actual) };
  return [
    ...(actual.code === expected.code ? [] : [code]),
    // A plain message is only an example: its wording may change.
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
  const nearest = fewestDifferences(
    actual
      .findDetails(expected.desc)
      .map((detail) => matchMessage(expected.desc, expected.pattern, detail, { isClosed: false, registry })),
  );
  if (nearest) return differencesWithin(path, nearest);
  const types = actual.details.map((detail) => ('type' in detail ? detail.type : detail.desc.typeName));
  return [{ path, expected: `a ${expected.desc.typeName}`, actual: types.join(', ') || 'nothing' }];
}

function describeError({ code, rawMessage }: ConnectError): string {
  const name = Code[code] === undefined ? String(code) : codeToString(code);
  return shorten(rawMessage === '' ? name : `${name}: ${rawMessage}`);
}
