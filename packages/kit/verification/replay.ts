// Makes the call of an interaction, as its consumer does, and takes in whatever comes back.

import type { DescMethodStreaming, DescMethodUnary, Message } from '@bufbuild/protobuf';
import { ConnectError, type Transport } from '@connectrpc/connect';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';

/** What a provider answered. */
export type ActualReply = {
  readonly messages: readonly Message[];
  readonly headers: Headers;
  readonly trailers: Headers;
  /** How the call ended, if it did not end well. */
  readonly error: ConnectError | undefined;
};

export type ReplayOptions = {
  readonly transport: Transport;
  /** Headers in addition to those that the consumer sends. */
  readonly headers: Readonly<Record<string, string>>;
  /** How long a call may take whose consumer sets no deadline, in milliseconds. */
  readonly timeoutMs: number;
};

/** Returns the reply to the interaction's example; an error of the call is part of the reply. */
export async function replay(interaction: RpcInteraction, options: ReplayOptions): Promise<ActualReply> {
  const messages: Message[] = [];
  const seen = { headers: new Headers(), trailers: new Headers() };
  try {
    await call(interaction, options, seen, messages);
    return { messages, ...seen, error: undefined };
  } catch (error) {
    const { metadata } = ConnectError.from(error);
    // A failed unary call has one place for both.
    const found = messages.length === 0 ? { headers: metadata, trailers: metadata } : { ...seen, trailers: metadata };
    return { messages, ...found, error: ConnectError.from(error) };
  }
}

async function call(
  { method, requests, metadata, deadline }: RpcInteraction,
  { transport, headers, timeoutMs }: ReplayOptions,
  seen: { headers: Headers; trailers: Headers },
  messages: Message[],
): Promise<void> {
  const header = new Headers(headers);
  for (const [name, value] of Object.entries(createExampleHeaders(metadata))) header.set(name, value);
  const budgetMs = deadline ? (deadline.atMostMs ?? timeoutMs) : undefined;
  // The transport ends a call whose deadline passes.
  const signal = deadline ? undefined : AbortSignal.timeout(timeoutMs);
  const examples = requests.map((pattern) => createExample(method.input, pattern));
  if (method.methodKind === 'unary') {
    const [request] = examples;
    const reply = await transport.unary(method as DescMethodUnary, signal, budgetMs, header, request as never);
    Object.assign(seen, { headers: reply.header, trailers: reply.trailer });
    messages.push(reply.message);
    return;
  }
  const sent = (async function* () {
    yield* examples;
  })();
  const reply = await transport.stream(method as DescMethodStreaming, signal, budgetMs, header, sent as never);
  Object.assign(seen, { headers: reply.header, trailers: reply.trailer });
  for await (const message of reply.message) messages.push(message);
}
