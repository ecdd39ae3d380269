// Runs one call: writes it into the journal, finds what is to be done with it, and does that.

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { clone, type DescMethod, type Message, type Registry } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { streamsRequests, streamsResponses } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { Fault } from '../fault-proxy/core/fault.ts';
import { LiteralError } from '../matching/check-leaf.ts';
import type { ContractAnswers } from './contract-answers.ts';
import type { Journal, RunningCall } from './journal.ts';
import { isIterable, toMessage } from './read-literal.ts';
import type { Failure, Step } from './step.ts';
import { type StubBook, StubError } from './stub-registry.ts';
import type { WireFaults } from './wire-faults.ts';

type Requests = Iterable<Message> | AsyncIterable<Message>;
type Literals = Iterable<object> | AsyncIterable<object>;

/** What calls are answered from. */
export interface Answering {
  readonly stubs: StubBook;
  readonly contract: ContractAnswers | undefined;
  readonly journal: Journal;
  readonly wire: WireFaults;
  readonly registry: Registry;
}

/** Returns the responses to a call. @throws ConnectError where the call fails. */
export async function* answerCall(
  method: DescMethod,
  requests: Requests,
  context: HandlerContext,
  answering: Answering,
): AsyncGenerator<Message> {
  const { signal } = context;
  const call = answering.journal.begin(method, context.requestHeader);
  const running = new RunningAnswer(call, context, answering);
  try {
    const noted = noteRequests(requests, call, answering.journal);
    yield* method.methodKind === 'bidi_streaming' ? running.converse(noted) : running.answerOnce(noted);
    call.end(signal.aborted ? 'abandoned' : 'answered');
  } catch (error) {
    if (error instanceof StubError) {
      const told = new ConnectError(error.message, error.code, undefined, undefined, error);
      call.end('missed', told);
      throw told;
    }
    // An aborted wait is the caller's doing: what it is told is why its call was ended.
    const told = signal.aborted ? signal.reason : error;
    call.end(signal.aborted ? 'abandoned' : 'failed', told);
    throw told;
  } finally {
    call.end('abandoned');
  }
}

// The journal gets copies: what a reply function does to its request must not change what was received.
async function* noteRequests(requests: Requests, call: RunningCall, journal: Journal): AsyncGenerator<Message> {
  for await (const request of requests) {
    journal.addRequest(call, clone(call.method.input, request));
    yield request;
  }
}

class RunningAnswer {
  readonly #call: RunningCall;
  readonly #context: HandlerContext;
  readonly #answering: Answering;
  #hasAnswered = false;

  constructor(call: RunningCall, context: HandlerContext, answering: Answering) {
    this.#call = call;
    this.#context = context;
    this.#answering = answering;
  }

  /** Takes all requests and answers them together. */
  async *answerOnce(requests: AsyncIterable<Message>): AsyncGenerator<Message> {
    const { method } = this.#call;
    const { stubs, contract, journal } = this.#answering;
    const received: Message[] = [];
    for await (const request of requests) {
      received.push(request);
      if (received.length > journal.limit)
        throw new StubError(explainFlood(method, journal), { code: Code.ResourceExhausted });
    }
    const step = stubs.find(method, received);
    if (step) {
      yield* this.#perform(step, streamsRequests(method) ? received : received[0], requests);
      return;
    }
    const why = stubs.explainMiss(method, received);
    if (!contract?.covers(method)) throw new StubError(why, { code: Code.Unimplemented });
    yield* contract.answer(method, received, this.#context, why);
  }

  /** Answers each request for itself, or leaves all of them to a script or to a contract's conversation. */
  async *converse(requests: AsyncGenerator<Message>): AsyncGenerator<Message> {
    const { method } = this.#call;
    const { stubs, contract } = this.#answering;
    const script = stubs.findScript(method);
    if (script) {
      yield* this.#perform(script, undefined, requests);
      return;
    }
    let isStubbed = false;
    for await (const request of requests) {
      const step = stubs.find(method, [request]);
      if (step) {
        isStubbed = true;
        yield* this.#perform(step, request, requests);
        continue;
      }
      const why = stubs.explainMiss(method, [request]);
      if (isStubbed || !contract?.covers(method)) throw new StubError(why, { code: Code.Unimplemented });
      yield* contract.answer(method, startWith(request, requests), this.#context, why);
      return;
    }
  }

  async *#perform(step: Step, request: unknown, requests: AsyncIterable<Message>): AsyncGenerator<Message> {
    const { delayMs, fault, action } = step;
    const { signal } = this.#context;
    if (delayMs > 0) await delay(delayMs, undefined, { signal });
    if (fault) this.#planHarm(fault);
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

  #planHarm(fault: Fault): void {
    if (this.#hasAnswered) {
      const explanation = `${nameOf(this.#call.method)}: only the first answer of a conversation can be harmed`;
      throw new StubError(explanation, { code: Code.Internal });
    }
    this.#answering.wire.plan(fault, this.#context.responseHeader, () => this.#call.harm(fault.name));
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
      return toMessage(method.output, literal, this.#answering.registry);
    } catch (error) {
      if (!(error instanceof LiteralError)) throw error;
      throw new StubError(`${nameOf(method)}: the reply is none: ${error.message}`, {
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

function explainFlood(method: DescMethod, { limit }: Journal): string {
  return `${nameOf(method)}: more than ${limit} requests in one call cannot be kept; raise journalLimit`;
}

function toError({ code, message, details }: Failure): ConnectError {
  return new ConnectError(message, code, undefined, details);
}
