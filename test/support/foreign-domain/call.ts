// A client of the garage that knows its messages by descriptors alone, in three protocols.
import { type DescMethod, fromJson, type JsonObject, type Message, toJson } from '@bufbuild/protobuf';
import { ConnectError, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import type { Schema } from '@touchstone/kit';

const TIMEOUT_MS = 10_000;

export const WIRES = ['connect-json', 'grpc', 'grpc-web'] as const;
export type Wire = (typeof WIRES)[number];

/** What a call ended with: its messages in proto3 JSON, and its error. */
export type Outcome = {
  readonly messages: readonly JsonObject[];
  readonly error?: ConnectError;
};

/** Calls an RPC, named as `GarageService/GetGarage`, with these requests. */
export async function callGarage(
  schema: Schema,
  url: string,
  name: string,
  requests: readonly object[],
  wire: Wire = 'connect-json',
): Promise<Outcome> {
  const { registry } = schema;
  const method = findMethod(schema, name);
  const sessions = new Http2SessionManager(url);
  const transport = createTransport(wire, { baseUrl: url, sessionManager: sessions, jsonOptions: { registry } });
  const messages: JsonObject[] = [];
  try {
    const given = requests.map((request) => fromJson(method.input, request as JsonObject, { registry }));
    for await (const message of send(transport, method, given)) {
      messages.push(toJson(method.output, message, { registry }) as JsonObject);
    }
    return { messages };
  } catch (error) {
    return { messages, error: ConnectError.from(error) };
  } finally {
    sessions.abort();
  }
}

async function* send(transport: Transport, method: DescMethod, requests: readonly Message[]): AsyncGenerator<Message> {
  if (method.methodKind === 'unary') {
    const { message } = await transport.unary(method as never, undefined, TIMEOUT_MS, {}, requests[0] as never);
    yield message;
    return;
  }
  async function* input() {
    yield* requests;
  }
  const reply = await transport.stream(method as never, undefined, TIMEOUT_MS, {}, input() as never);
  yield* reply.message;
}

export function findMethod({ services }: Schema, name: string): DescMethod {
  const methods = services.flatMap((service) => service.methods);
  const method = methods.find(({ parent, name: own }) => `${parent.name}/${own}` === name);
  if (!method) throw new Error(`there is no RPC ${name}`);
  return method;
}

type TransportOptions = {
  readonly baseUrl: string;
  readonly sessionManager: Http2SessionManager;
  readonly jsonOptions: object;
};

function createTransport(wire: Wire, options: TransportOptions): Transport {
  if (wire === 'grpc') return createGrpcTransport(options);
  if (wire === 'grpc-web') return createGrpcWebTransport({ ...options, httpVersion: '2' });
  return createConnectTransport({ ...options, httpVersion: '2', useBinaryFormat: false });
}
