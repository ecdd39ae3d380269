// The calls that a stub server has answered before. The same bytes are the same request: which interactions accept it need
// not be found out again, and what was answered by one of them can be given as it was. Headers are looked at each time.

import { type ContextValues, createContextKey } from '@connectrpc/connect';
import type { AnswerMemory, UnaryAnswer, UnaryCall } from '@touchstone/rpc-server';
import { nameOf } from '../base/rpc-name.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { hasPlainTimeout, readerOf } from './call-header.ts';
import type { Decision, InteractionBook } from './interaction-registry.ts';

interface DecidedRequest {
  readonly candidates: readonly RpcInteraction[];
  readonly answers: Map<RpcInteraction, UnaryAnswer>;
}

// With bodies of 16 KiB at most this is bounded in bytes too.
const mostRequests = 1000;

// Together with the body these are all that the answer of an interaction depends on.
const protocolHeaders = [
  'content-type',
  'content-encoding',
  'accept-encoding',
  'grpc-encoding',
  'grpc-accept-encoding',
] as const;

const decisionKey = createContextKey<Decision | undefined>(undefined, { description: 'how the call was decided' });

/** Notes how a call was decided, for `DecidedCalls` to find. */
export function noteDecision(values: ContextValues, decision: Decision): void {
  values.set(decisionKey, decision);
}

/** The last requests that an interaction was found for. Calls that there is none for are not remembered. */
export class DecidedCalls implements AnswerMemory {
  readonly #book: InteractionBook;
  readonly #requests = new Map<string, DecidedRequest>();
  #interactions: readonly RpcInteraction[];

  constructor(book: InteractionBook) {
    this.#book = book;
    this.#interactions = book.interactions;
  }

  recall(call: UnaryCall): UnaryAnswer | undefined {
    if (!hasPlainTimeout(call.header)) return undefined;
    this.#forgetOtherStates();
    const request = this.#requests.get(keyOf(call));
    const chosen = request && this.#book.chooseAgain(request.candidates, readerOf(call.header));
    return chosen && request.answers.get(chosen);
  }

  learn(call: UnaryCall, answer: UnaryAnswer, values: ContextValues): void {
    const decision = values.get(decisionKey);
    this.#forgetOtherStates();
    if (!decision || !this.#interactions.includes(decision.chosen)) return;
    const key = keyOf(call);
    const request = this.#requests.get(key) ?? { candidates: decision.candidates, answers: new Map() };
    request.answers.set(decision.chosen, answer);
    this.#requests.set(key, request);
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > mostRequests && oldest !== undefined) this.#requests.delete(oldest);
  }

  #forgetOtherStates(): void {
    if (this.#interactions === this.#book.interactions) return;
    this.#interactions = this.#book.interactions;
    this.#requests.clear();
  }
}

function keyOf({ method, header, body }: UnaryCall): string {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  return [nameOf(method), ...protocolHeaders.map((name) => header[name]), text].join('\n');
}
