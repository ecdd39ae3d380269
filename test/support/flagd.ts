// A fake flagd: a gRPC stream that sends the flag document, and each change of it.
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';

const SYNC_FLAGS = '/flagd.sync.v1.FlagSyncService/SyncFlags';

export type Flagd = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  /** Sends a new document to all listeners. */
  change(document: string): void;
};

/** Starts one with a document, on a port of the system's choice unless one is given. */
export async function startFlagd(first: string, port = 0): Promise<Flagd> {
  const listeners = new Set<ServerWritableStream<Buffer, string>>();
  let document = first;
  const server = new Server();
  server.addService(
    {
      syncFlags: {
        path: SYNC_FLAGS,
        requestStream: false,
        responseStream: true,
        requestSerialize: (request: Buffer) => request,
        requestDeserialize: (request: Buffer) => request,
        responseSerialize: encodeDocument,
        responseDeserialize: String,
      },
    },
    {
      syncFlags: (call: ServerWritableStream<Buffer, string>) => {
        listeners.add(call);
        call.on('cancelled', () => listeners.delete(call));
        call.write(document);
      },
    },
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, given) =>
      error === null ? resolve(given) : reject(error),
    );
  });
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    change: (next) => {
      document = next;
      for (const call of listeners) call.write(next);
    },
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

// Field 1 of the answer, a string; the length as a varint.
function encodeDocument(document: string): Buffer {
  const text = Buffer.from(document);
  const head = [0x0a];
  let length = text.length;
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, length]), text]);
}
