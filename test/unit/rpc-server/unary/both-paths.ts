// A call over the thin path and over Connect's handler, compared.
import { create, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { type Code, ConnectError, createContextKey, type HandlerContext } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { RpcServerOptions } from '@touchstone/rpc-server';
import { expect } from 'vitest';
import { EchoService } from '../../../support/echo/echo-service.ts';
import { callOver, type Path, type RawCall } from './raw-call.ts';

const encode = (value: string) => toBinary(StringValueSchema, create(StringValueSchema, { value }));
export const HELLO = encode('hello');

/** An implementation. */
export type Say = (request: { value: string }, context: HandlerContext) => unknown;
/** Options of the server. */
export type Options = Omit<Partial<RpcServerOptions>, 'routes'>;

export const echo: Say = ({ value }) => ({ value });
export const fail = (error: unknown) => () => {
  throw error;
};

/** All that an implementation and its caller see of a call, and how its signal was aborted. */
export async function describeCall(path: Path, say: Say, call: RawCall, options: Options) {
  const seen: object[] = [];
  const signals: AbortSignal[] = [];
  const watched: Say = (request, context) => {
    const { requestHeader, signal, timeoutMs, values, method, service, ...rest } = context;
    const headers = [...requestHeader].map(([name, value]) => [name, name === 'content-type' ? 'proto' : value]);
    const { url, protocolName, requestMethod } = rest;
    signals.push(signal);
    seen.push({
      ...{ request: request.value, url, protocolName, requestMethod, headers },
      ...{ method: method.name, service: service.typeName, isAborted: signal.aborted, own: values.get(OWN) },
      hasDeadline: timeoutMs() !== undefined,
    });
    return say(request, context);
  };
  const answer = await callOver(
    path,
    { ...options, routes: ({ rpc }) => rpc(EchoService.method.say, watched as never) },
    call,
  );
  return { ...answer, seen, ends: signals.map(({ reason }) => describeReason(reason)), signals };
}

export const OWN = createContextKey('none');

export function describeReason(reason: unknown): unknown {
  if (reason instanceof ConnectError) return { code: reason.code, message: reason.message };
  return reason instanceof Error ? { name: reason.name, message: reason.message } : reason;
}

/** Makes a call over both paths, compares all that caller and implementation see, and expects this of it. */
export async function expectTheSame(expected: object, say: Say, makeCall: () => RawCall, options: Options = {}) {
  const { signals: _thin, ...thin } = await describeCall('thin', say, makeCall(), options);
  const { signals: _connect, ...connect } = await describeCall('connect', say, makeCall(), options);

  expect(thin).toEqual(connect);
  expect(thin).toMatchObject(expected);
}

export const ok = {
  head: { ':status': 200, 'content-type': 'application/proto' },
  body: String(Buffer.from(HELLO)),
  resetBy: 0,
};
export const failsWith = (code: Code, http?: number) => ({
  head: { 'content-type': 'application/json', ...(http !== undefined && { ':status': http }) },
  body: expect.stringContaining(`{"code":"${codeToString(code)}"`),
});
export const hello =
  (headers: RawCall['headers'] = {}): (() => RawCall) =>
  () => ({ headers, body: [HELLO] });
