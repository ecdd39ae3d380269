// A client, or an interceptor for clients, that takes down what is called, sent and read, and changes nothing else.

import type { DescMessage, DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { Client, ConnectError, Interceptor } from '@connectrpc/connect';
import { type MessageRecording, recordMessage } from './recording-message.ts';
import { noteSent } from './sent-fields.ts';

type AnyCall = (request: unknown, options?: unknown) => Promise<Message> | (AsyncIterable<Message> & { then?: never });

/** Returns a client of the same service; each call asks `begin` where its notes go. */
export function recordClient<Service extends DescService>(
  service: Service,
  client: Client<Service>,
  begin: () => MessageRecording,
): Client<Service> {
  const calls = client as unknown as Record<string, AnyCall>;
  const recording = service.methods.map((method) => {
    const call: AnyCall = (request, options) => {
      const ofCall = begin();
      const answer = (calls[method.localName] as AnyCall)(send(method, request, ofCall), options);
      return isStream(answer)
        ? receive(method, answer, ofCall)
        : answer.then((message) => receive(method, message, ofCall), failWith(ofCall));
    };
    return [method.localName, call];
  });
  return Object.fromEntries(recording) as Client<Service>;
}

/** Returns an interceptor that does the same for all calls of the clients it is given to. */
export function recordCalls(begin: (service: DescService) => MessageRecording): Interceptor {
  return (next) => async (request) => {
    const ofCall = begin(request.service);
    const message = send(request.method, request.message, ofCall);
    const response = await next({ ...request, message } as typeof request).catch(failWith(ofCall));
    return { ...response, message: receive(request.method, response.message, ofCall) } as typeof response;
  };
}

// Takes down a call and what goes with it: now, or message by message as they are sent.
function send<T>(method: DescMethod, request: T, recording: MessageRecording): T {
  recording.notes.call(method);
  const note = <M>(message: M): M => {
    noteSent(method.input, message, recording);
    return message;
  };
  return isStream(request) ? (mapEach(request, note) as T) : note(request);
}

function receive<T extends Message | AsyncIterable<Message>>(
  { output }: DescMethod,
  answer: T,
  recording: MessageRecording,
): T {
  const record = (message: Message) => recordMessage(output, message, recording);
  return (isStream(answer) ? mapEach(answer, record, failWith(recording)) : record(answer as Message)) as T;
}

function isStream<T>(value: T): value is T & AsyncIterable<Message> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function failWith(recording: MessageRecording): (error: unknown) => never {
  return (error) => {
    throw isConnectError(error) ? recordDetails(error, recording) : error;
  };
}

function isConnectError(error: unknown): error is ConnectError {
  return error instanceof Error && 'findDetails' in error;
}

// A consumer reads an error's details as it reads an answer.
function recordDetails(error: ConnectError, recording: MessageRecording): ConnectError {
  const find = error.findDetails.bind(error) as (of: unknown) => Message[];
  error.findDetails = (of: DescMessage | MessageRecording['registry']) =>
    find(of).map((detail) => {
      const desc = of.kind === 'message' ? of : of.getMessage(detail.$typeName);
      return desc ? recordMessage(desc, detail, recording) : detail;
    }) as never;
  return error;
}

async function* mapEach<T>(
  source: AsyncIterable<T>,
  map: (value: T) => T,
  fail?: (error: unknown) => never,
): AsyncGenerator<T> {
  try {
    for await (const value of source) yield map(value);
  } catch (error) {
    throw fail ? fail(error) : error;
  }
}
