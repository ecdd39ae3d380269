// The answers that a stub server has given before. The same bytes are the same request: the cache knows which interactions
// accept it without decoding it, and sends the answer again as it was sent. Headers are matched for each call.

import { type ContextValues, createContextKey } from '@connectrpc/connect';
import type { AnswerMemory, UnaryAnswer, UnaryCall } from '@touchstone/rpc-server';
import { nameOf } from '../base/rpc-name.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import type { InteractionRegistry, Match } from './interaction-registry.ts';
import { hasPlainTimeout, readerOf } from './request-headers.ts';

type CachedRequest = {
  readonly candidates: readonly RpcInteraction[];
  readonly answers: Map<RpcInteraction, UnaryAnswer>;
};

// With bodies of 16 KiB at most this bounds the cache in bytes too.
const MAX_REQUESTS = 1000;

// An interaction's answer depends on these headers and the body alone.
const PROTOCOL_HEADERS = [
  'content-type',
  'content-encoding',
  'accept-encoding',
  'grpc-encoding',
  'grpc-accept-encoding',
] as const;

const MATCH_KEY = createContextKey<Match | undefined>(undefined, { description: 'how the call was matched' });

/** Records how a call was matched, for `AnswerCache` to read. */
export function recordMatch(values: ContextValues, match: Match): void {
  values.set(MATCH_KEY, match);
}

/** The most recent requests that matched an interaction. Unmatched requests are not cached. */
export class AnswerCache implements AnswerMemory {
  readonly #registry: InteractionRegistry;
  readonly #requests = new Map<string, CachedRequest>();
  #interactions: readonly RpcInteraction[];

  constructor(registry: InteractionRegistry) {
    this.#registry = registry;
    this.#interactions = registry.interactions;
  }

  recall(call: UnaryCall): UnaryAnswer | undefined {
    if (!hasPlainTimeout(call.header)) return undefined;
    this.#clearIfInteractionsChanged();
    const request = this.#requests.get(keyOf(call));
    const interaction = request && this.#registry.rematch(request.candidates, readerOf(call.header));
    return interaction && request.answers.get(interaction);
  }

  learn(call: UnaryCall, answer: UnaryAnswer, values: ContextValues): void {
    const match = values.get(MATCH_KEY);
    this.#clearIfInteractionsChanged();
    if (!match || !this.#interactions.includes(match.interaction)) return;
    const key = keyOf(call);
    const request = this.#requests.get(key) ?? { candidates: match.candidates, answers: new Map() };
    request.answers.set(match.interaction, answer);
    this.#requests.set(key, request);
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > MAX_REQUESTS && oldest !== undefined) this.#requests.delete(oldest);
  }

  #clearIfInteractionsChanged(): void {
    if (this.#interactions === this.#registry.interactions) return;
    this.#interactions = this.#registry.interactions;
    this.#requests.clear();
  }
}

function keyOf({ method, header, body }: UnaryCall): string {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  return [nameOf(method), ...PROTOCOL_HEADERS.map((name) => header[name]), text].join('\n');
}
