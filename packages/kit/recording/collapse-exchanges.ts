// Collapsing: exchanges with the same call and the same answer become one interaction of a contract. Exchanges that answer the
// same call differently are an error, because a contract cannot hold both.

import type { Registry } from '@bufbuild/protobuf';
import { toConnectError } from '../contract/connect-error.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { formatDifferences } from '../matching/difference.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders, matchHeaders } from '../matching/header-pattern.ts';
import { matchMessage } from '../matching/match-message.ts';
import type { MessagePattern } from '../matching/pattern.ts';
import { judgeReply } from '../verification/judge-reply.ts';
import type { ActualReply } from '../verification/replay.ts';
import type { RecordedExchange } from './exchange.ts';
import { describeExchange } from './recorded-interaction.ts';
import { RecordingError } from './recording-error.ts';
import { requestKeyOf } from './replay-registry.ts';

type CollapseOptions = {
  readonly registry: Registry;
  /** Whether request fields are loosened. Calls with different values of such a field are the same call. */
  readonly isLoose: boolean;
};

type Promoted = {
  readonly exchange: RecordedExchange;
  readonly interaction: RpcInteraction;
};

/**
 * Returns an interaction for each distinct call: that of its first exchange.
 *
 * @throws {RecordingError} naming two exchanges that answer the same call differently, and the differences.
 */
export function collapseExchanges(
  exchanges: readonly RecordedExchange[],
  read: (exchange: RecordedExchange) => RpcInteraction,
  { registry, isLoose }: CollapseOptions,
): RpcInteraction[] {
  const byCall = new Map<string, Promoted>();
  for (const exchange of exchanges) {
    const next = { exchange, interaction: read(exchange) };
    const key = JSON.stringify([requestKeyOf(next.interaction, registry), next.interaction.states]);
    const first = byCall.get(key) ?? (isLoose ? findSameCall([...byCall.values()], next, registry) : undefined);
    if (first) assertSameAnswer(first, next, registry);
    else byCall.set(key, next);
  }
  return [...byCall.values()].map(({ interaction }) => interaction);
}

// Calls that differ only in the values of loosened fields are the same call.
function findSameCall(promoted: readonly Promoted[], next: Promoted, registry: Registry): Promoted | undefined {
  const { method, requests, metadata, states } = next.interaction;
  const headers = createExampleHeaders(metadata);
  return promoted.find(
    ({ exchange, interaction }) =>
      exchange.rpc === next.exchange.rpc &&
      JSON.stringify(interaction.states) === JSON.stringify(states) &&
      interaction.requests.length === requests.length &&
      requests.every((request, index) => {
        const pattern = interaction.requests[index] as MessagePattern;
        const sent = createExample(method.input, request);
        return matchMessage(method.input, pattern, sent, { isClosed: true, registry }).length === 0;
      }) &&
      matchHeaders(interaction.metadata, (name) => headers[name], 'metadata').length === 0,
  );
}

function assertSameAnswer(first: Promoted, next: Promoted, registry: Registry): void {
  const differences = judgeReply(first.interaction, replyOf(next.interaction), registry);
  if (differences.length === 0) return;
  throw new RecordingError(
    `exchanges ${first.exchange.number} and ${next.exchange.number}, ${describeExchange(first.exchange)}, answer the ` +
      `same call differently: select one of them, give them different states with "given", or name the fields that may differ in "loosen"\n` +
      formatDifferences(differences),
  );
}

function replyOf({ method, responses, failure, responseHeaders, responseTrailers }: RpcInteraction): ActualReply {
  return {
    messages: responses.map((pattern) => createExample(method.output, pattern)),
    headers: new Headers(createExampleHeaders(responseHeaders)),
    trailers: new Headers(createExampleHeaders(responseTrailers)),
    error: failure && toConnectError(failure),
  };
}
