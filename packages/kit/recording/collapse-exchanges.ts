// Exchanges that say the same become one interaction, and those that contradict each other an error.

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

interface CollapseOptions {
  readonly registry: Registry;
  /** Whether requests may have values that need not be as they are: then calls can be the same that do not look so. */
  readonly isLoose: boolean;
}

interface Promoted {
  readonly exchange: RecordedExchange;
  readonly interaction: RpcInteraction;
}

/**
 * Returns an interaction for each call that was recorded: that of its first exchange, which stands for all whose answers
 * it accepts.
 *
 * @throws RecordingError naming two exchanges that answer the same call differently, and where.
 */
export function collapseExchanges(
  exchanges: readonly RecordedExchange[],
  read: (exchange: RecordedExchange) => RpcInteraction,
  { registry, isLoose }: CollapseOptions,
): RpcInteraction[] {
  const byCall = new Map<string, Promoted>();
  for (const exchange of exchanges) {
    const again = { exchange, interaction: read(exchange) };
    const key = JSON.stringify([requestKeyOf(again.interaction, registry), again.interaction.states]);
    const first = byCall.get(key) ?? (isLoose ? findSameCall([...byCall.values()], again, registry) : undefined);
    if (first) assertSameAnswer(first, again, registry);
    else byCall.set(key, again);
  }
  return [...byCall.values()].map(({ interaction }) => interaction);
}

// Calls with other examples of a loosened value are the same.
function findSameCall(promoted: readonly Promoted[], again: Promoted, registry: Registry): Promoted | undefined {
  const { method, requests, metadata, states } = again.interaction;
  const headers = createExampleHeaders(metadata);
  return promoted.find(
    ({ exchange, interaction }) =>
      exchange.rpc === again.exchange.rpc &&
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

function assertSameAnswer(first: Promoted, again: Promoted, registry: Registry): void {
  const differences = judgeReply(first.interaction, replyOf(again.interaction), registry);
  if (differences.length === 0) return;
  throw new RecordingError(
    `exchanges ${first.exchange.number} and ${again.exchange.number}, ${describeExchange(first.exchange)}, answer the ` +
      `same call differently: select one of them, tell them apart by "given", or name in "loosen" what may differ\n` +
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
