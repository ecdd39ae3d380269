// A client, and an interceptor for clients, that record what is called, sent and read.

import type { DescMessage, DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { Client, ConnectError, Interceptor } from '@connectrpc/connect';
import { type MessageRecording, recordMessage } from './recording-message.ts';
import { recordSent } from './sent-fields.ts';

type AnyCall = (request: unknown, options?: unknown) => Promise<Message> | (AsyncIterable<Message> & { then?: never });

/** Returns a client that records its calls. `begin` returns the recording of each call. */
export function recordClient<Service extends DescService>(
  service: Service,
  client: Client<Service>,
  begin: () => MessageRecording,
): Client<Service> {
  const calls = client as unknown as Record<string, AnyCall>;
  const recordingCalls = service.methods.map((method) => {
    const call: AnyCall = (request, options) => {
      const ofCall = begin();
      const answer = (calls[method.localName] as AnyCall)(send(method, request, ofCall), options);
      return isAsyncIterable(answer)
        ? receive(method, answer, ofCall)
        : answer.then((message) => receive(method, message, ofCall), failWith(ofCall));
    };
    return [method.localName, call];
  });
  return Object.fromEntries(recordingCalls) as Client<Service>;
}

/** Returns an interceptor that records all calls of a client. */
export function recordCalls(begin: (service: DescService) => MessageRecording): Interceptor {
  return (next) => async (request) => {
    const ofCall = begin(request.service);
    const message = send(request.method, request.message, ofCall);
    const response = await next({ ...request, message } as typeof request).catch(failWith(ofCall));
    return { ...response, message: receive(request.method, response.message, ofCall) } as typeof response;
  };
}

// Records a call and its request, or the requests of a stream as they are sent.
function send<T>(method: DescMethod, request: T, recording: MessageRecording): T {
  recording.record.call(method);
  const recordRequest = <M>(message: M): M => {
    recordSent(method.input, message, recording);
    return message;
  };
  return isAsyncIterable(request) ? (mapEach(request, recordRequest) as T) : recordRequest(request);
}

function receive<T extends Message | AsyncIterable<Message>>(
  { output }: DescMethod,
  answer: T,
  recording: MessageRecording,
): T {
  const record = (message: Message) => recordMessage(output, message, recording);
  return (isAsyncIterable(answer) ? mapEach(answer, record, failWith(recording)) : record(answer as Message)) as T;
}

function isAsyncIterable<T>(value: T): value is T & AsyncIterable<Message> {
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

// The details of an error are recorded like the messages of an answer.
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
