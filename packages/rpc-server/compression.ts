// The compressions of requests and responses. Which one a response has is the caller's choice, so both are set to their fastest
// level: at zlib's default, one header makes the server spend half a second of processor time on a page of rows.

import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const brotliCompress = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const brotliDecompress = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

const BROTLI_FASTEST = 1;

/** The compressions by their names in `accept-encoding`. */
export const compressions: readonly Compression[] = [
  createCompression(
    'gzip',
    (bytes) => gzip(bytes, { level: zlib.constants.Z_BEST_SPEED }),
    (bytes, maxOutputLength) => gunzip(bytes, { maxOutputLength }),
  ),
  createCompression(
    'br',
    (bytes) =>
      brotliCompress(bytes, {
        params: {
          [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_FASTEST,
          [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength,
        },
      }),
    (bytes, maxOutputLength) => brotliDecompress(bytes, { maxOutputLength }),
  ),
];

function createCompression(
  name: string,
  compress: (bytes: Uint8Array) => Promise<Buffer>,
  decompress: (bytes: Uint8Array, maxOutputLength: number) => Promise<Buffer>,
): Compression {
  return {
    name,
    compress: async (bytes) => new Uint8Array(await compress(bytes)),
    decompress: async (bytes, maxBytes) => {
      if (bytes.byteLength === 0) return new Uint8Array();
      try {
        return new Uint8Array(await decompress(bytes, maxBytes));
      } catch (error) {
        throw toConnectError(error as NodeJS.ErrnoException, name, maxBytes);
      }
    },
  };
}

// Whatever zlib could not read is the caller's fault: garbage, and also what ends too early.
function toConnectError(error: NodeJS.ErrnoException, name: string, maxBytes: number): ConnectError {
  if (error.code === 'ERR_BUFFER_TOO_LARGE') {
    const message = `message is larger than ${maxBytes} bytes after decompression`;
    return new ConnectError(message, Code.ResourceExhausted, undefined, undefined, error);
  }
  return new ConnectError(`the message is no valid ${name}`, Code.InvalidArgument, undefined, undefined, error);
}
