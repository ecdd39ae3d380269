// The clients of a service for a test, closed by their disposal.
import type { DescService } from '@bufbuild/protobuf';
import { type Client, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { asAllowedCaller, type Tokens } from './identity/credentials.ts';

export type Connection = Disposable & {
  client<Service extends DescService>(service: Service): Client<Service>;
};

/** Creates clients that share one HTTP/2 connection, which the first call opens; they call as callers whom the contract allows. */
export function openConnection(url: string, tokens?: Tokens): Connection {
  const sessionManager = new Http2SessionManager(url);
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '2',
    sessionManager,
    interceptors: [asAllowedCaller(tokens)],
  });
  return {
    client: (service) => createClient(service, transport),
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}

/** The error that a call fails with, and the reason it carries. */
export async function refusalOf(call: Promise<unknown>): Promise<{ error: ConnectError; reason: string | undefined }> {
  try {
    await call;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    return { error, reason: error.findDetails(ErrorInfoSchema)[0]?.reason };
  }
  throw new Error('the call succeeded');
}
