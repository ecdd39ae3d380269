// The answer to a request that no RPC is called for, in the protocol of the caller.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { drainWhenAnswered } from './drain.ts';
import { encodeGrpcMessage } from './grpc-message.ts';

const TRAILER_FRAME_FLAG = 0x80;
const FRAME_HEADER_BYTES = 5;

export type Refusal = {
  readonly code: Code;
  /** The HTTP status for all but gRPC and gRPC-Web, whose status is 200. */
  readonly httpStatus: number;
  readonly message: string;
};

/** The refusal of a path without a handler: 404, as Connect asks for. */
export function notServed(path: string): Refusal {
  return { code: Code.Unimplemented, httpStatus: 404, message: `${path} is not served here` };
}

/** Answers a request with `refusal`, and drops its body. */
export function answerRefusal(refusal: Refusal, request: IncomingMessage, response: ServerResponse): void {
  drainWhenAnswered(request, response);
  const { code, httpStatus, message } = refusal;
  const contentType = request.headers['content-type'] ?? '';
  if (contentType.startsWith('application/grpc-web')) {
    response.writeHead(200, { 'content-type': contentType });
    response.end(encodeGrpcWebTrailers(refusal, contentType.startsWith('application/grpc-web-text')));
  } else if (contentType.startsWith('application/grpc')) {
    response.writeHead(200, { 'content-type': contentType });
    response.addTrailers({ 'grpc-status': `${code}`, 'grpc-message': encodeGrpcMessage(message) });
    response.end();
  } else {
    response.writeHead(httpStatus, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ code: codeToString(code), message }));
  }
}

function encodeGrpcWebTrailers({ code, message }: Refusal, isText: boolean): Buffer | string {
  const trailers = `grpc-status: ${code}\r\ngrpc-message: ${encodeGrpcMessage(message)}\r\n`;
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + trailers.length);
  frame.writeUInt8(TRAILER_FRAME_FLAG, 0);
  frame.writeUInt32BE(trailers.length, 1);
  frame.write(trailers, FRAME_HEADER_BYTES, 'latin1');
  return isText ? frame.toString('base64') : frame;
}
