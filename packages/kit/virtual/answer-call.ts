// The handling of one call: it is recorded in the journal, matched to a stub or a contract, and answered.

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { clone, type DescMethod, type Message, type Registry } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { streamsRequests, streamsResponses } from '../base/method-kind.ts';
import type { Requests } from '../base/route-rpc.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { SelectedInteractions } from '../contract/selected-interactions.ts';
import type { Fault } from '../fault-proxy/core/fault.ts';
import { LiteralError } from '../matching/check-leaf.ts';
import { UnmatchedError } from '../matching/match-call.ts';
import { isIterable, toMessage } from '../matching/read-literal.ts';
import { answerFromContract, covers } from './answer-from-contract.ts';
import type { CallForwarder } from './forwarded-calls.ts';
import type { AnswerGenerator } from './generated-answers.ts';
import type { Journal, RunningCall } from './journal.ts';
import type { RuleCheck } from './rule-check.ts';
import type { Failure, Step } from './step.ts';
import type { StubRegistry } from './stub-registry.ts';
import type { WireFaults } from './wire-faults.ts';

type Literals = Iterable<object> | AsyncIterable<object>;

/** The parts of a virtual service that answer calls. */
export type AnswerSources = {
  readonly stubs: StubRegistry;
  readonly contract: SelectedInteractions | undefined;
  readonly journal: Journal;
  readonly wire: Pick<WireFaults, 'plan'>;
  readonly registry: Registry;
  /** Refuses requests that violate a rule of `buf.validate`. */
  readonly checkRules?: RuleCheck | undefined;
  /** Answers calls that match nothing. */
  readonly generate?: AnswerGenerator | undefined;
  /** Forwards calls that match nothing to the real service. */
  readonly forwarder?: CallForwarder | undefined;
};

/**
 * Returns the responses to a call.
 *
 * @throws {ConnectError} if the call fails.
 */
export async function* answerCall(
  method: DescMethod,
  requests: Requests,
  context: HandlerContext,
  sources: AnswerSources,
): AsyncGenerator<Message> {
  const { signal } = context;
  const call = sources.journal.begin(method, context.requestHeader);
  const running = new RunningAnswer(call, context, sources);
  try {
    const recorded = recordRequests(requests, call, sources);
    yield* method.methodKind === 'bidi_streaming' ? running.converse(recorded) : running.answerOnce(recorded);
    call.end(signal.aborted ? 'abandoned' : 'answered');
  } catch (error) {
    if (error instanceof UnmatchedError) {
      const answered = new ConnectError(error.message, error.code, undefined, undefined, error);
      call.end('unmatched', answered);
      throw answered;
    }
    // When the call was aborted, `error` only says that a wait was interrupted. The caller gets the reason of the abort.
    const answered = signal.aborted ? signal.reason : error;
    call.end(signal.aborted ? 'abandoned' : 'failed', answered);
    throw answered;
  } finally {
    call.end('abandoned');
  }
}

// The journal gets copies, because a reply function may change its request.
async function* recordRequests(
  requests: Requests,
  call: RunningCall,
  { journal, checkRules }: AnswerSources,
): AsyncGenerator<Message> {
  for await (const request of requests) {
    journal.addRequest(call, clone(call.method.input, request));
    const error = checkRules?.(call.method.input, request);
    if (error) throw error;
    yield request;
  }
}

class RunningAnswer {
  readonly #call: RunningCall;
  readonly #context: HandlerContext;
  readonly #sources: AnswerSources;
  #hasAnswered = false;

  constructor(call: RunningCall, context: HandlerContext, sources: AnswerSources) {
    this.#call = call;
    this.#context = context;
    this.#sources = sources;
  }

  /** Answers all requests together, after the last one. */
  async *answerOnce(requests: AsyncIterable<Message>): AsyncGenerator<Message> {
    const { method } = this.#call;
    const { stubs, journal, generate } = this.#sources;
    if (this.#isForwarded && !stubs.has(method)) {
      yield* this.#forward(requests);
      return;
    }
    const received: Message[] = [];
    for await (const request of requests) {
      received.push(request);
      if (received.length > journal.limit)
        throw new UnmatchedError(explainTooManyRequests(method, journal), { code: Code.ResourceExhausted });
    }
    const step = this.#find(received);
    if (step) {
      yield* this.#perform(step, streamsRequests(method) ? received : received[0], requests);
      return;
    }
    if (this.#isForwarded) {
      yield* this.#forward(received);
      return;
    }
    const why = stubs.explainUnmatched(method, received);
    const contract = this.#contract;
    if (!contract) {
      if (!generate) throw why;
      yield* generate(method, received);
      return;
    }
    yield* answerFromContract(contract, { method, requests: received, context: this.#context, why });
  }

  /** Answers each request separately, or leaves all of them to a script or to a contract's conversation. */
  async *converse(requests: AsyncGenerator<Message>): AsyncGenerator<Message> {
    const { method } = this.#call;
    const { stubs, generate } = this.#sources;
    const contract = this.#contract;
    if (this.#isForwarded && !stubs.has(method)) {
      yield* this.#forward(requests);
      return;
    }
    const script = stubs.findScript(method);
    if (script) {
      yield* this.#perform(script, undefined, requests);
      return;
    }
    let isStubbed = false;
    for await (const request of requests) {
      const step = this.#find([request]);
      if (step) {
        isStubbed = true;
        yield* this.#perform(step, request, requests);
        continue;
      }
      if (this.#isForwarded && !isStubbed) {
        yield* this.#forward(startWith(request, requests));
        return;
      }
      if (generate && !contract) {
        yield* generate(method, [request]);
        continue;
      }
      const why = stubs.explainUnmatched(method, [request]);
      if (isStubbed || !contract) throw why;
      const all = startWith(request, requests);
      yield* answerFromContract(contract, { method, requests: all, context: this.#context, why });
      return;
    }
  }

  /** Whether the call is forwarded if no stub matches. */
  get #isForwarded(): boolean {
    return this.#sources.forwarder !== undefined && !this.#contract;
  }

  /** The contract, if it has an interaction of the RPC. */
  get #contract(): SelectedInteractions | undefined {
    const { contract } = this.#sources;
    return contract && covers(contract, this.#call.method) ? contract : undefined;
  }

  async *#forward(requests: Requests): AsyncGenerator<Message> {
    const { forwarder } = this.#sources;
    this.#call.markForwarded();
    if (forwarder) yield* forwarder.forward(this.#call.method, requests, this.#context);
  }

  #find(requests: readonly Message[]): Step | undefined {
    try {
      return this.#sources.stubs.find(this.#call.method, requests);
    } catch (error) {
      // A stub without a step left leaves further calls to the real service.
      const isUsedUp = error instanceof UnmatchedError && error.code === Code.Unimplemented;
      if (isUsedUp && this.#isForwarded) return undefined;
      throw error;
    }
  }

  async *#perform(step: Step, request: unknown, requests: AsyncIterable<Message>): AsyncGenerator<Message> {
    const { delayMs, fault, action } = step;
    const { signal } = this.#context;
    if (delayMs > 0) await delay(delayMs, undefined, { signal });
    if (fault) this.#planFault(fault);
    switch (action.kind) {
      case 'reply':
        yield* this.#send(await this.#compute(action.reply, request), step);
        if (action.failure) throw toError(action.failure);
        return;
      case 'fail':
        throw toError(action.failure);
      case 'hang':
        if (!signal.aborted) await once(signal, 'abort');
        throw signal.reason;
      case 'converse':
        yield* this.#send(action.script(requests, this.#context), step);
    }
  }

  #planFault(fault: Fault): void {
    if (this.#hasAnswered) {
      const explanation = `${nameOf(this.#call.method)}: only the first answer of a conversation can have a fault`;
      throw new UnmatchedError(explanation, { code: Code.Internal });
    }
    this.#sources.wire.plan(fault, this.#context.responseHeader, () => this.#call.markFaulted(fault.name));
  }

  async #compute(reply: unknown, request: unknown): Promise<Literals> {
    const value: unknown = typeof reply === 'function' ? await reply(request, this.#context) : reply;
    return streamsResponses(this.#call.method) && isIterable(value) ? value : [value as object];
  }

  async *#send(literals: Literals, { paceMs }: Step): AsyncGenerator<Message> {
    let isFirst = true;
    for await (const literal of literals) {
      if (!isFirst && paceMs > 0) await delay(paceMs, undefined, { signal: this.#context.signal });
      isFirst = false;
      const response = this.#toResponse(literal);
      this.#hasAnswered = true;
      yield response;
    }
  }

  #toResponse(literal: object): Message {
    const { method } = this.#call;
    try {
      return toMessage(method.output, literal, this.#sources.registry);
    } catch (error) {
      if (!(error instanceof LiteralError)) throw error;
      throw new UnmatchedError(`${nameOf(method)}: the reply is invalid: ${error.message}`, {
        code: Code.Internal,
        cause: error,
      });
    }
  }
}

async function* startWith(first: Message, rest: AsyncIterable<Message>): AsyncGenerator<Message> {
  yield first;
  yield* rest;
}

function explainTooManyRequests(method: DescMethod, { limit }: Journal): string {
  return `${nameOf(method)}: the call has more than ${limit} requests; raise journalLimit`;
}

function toError({ code, message, details }: Failure): ConnectError {
  return new ConnectError(message, code, undefined, details);
}
