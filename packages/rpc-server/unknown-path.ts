// The answer for a path without a handler, in the protocol of the caller.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code } from '@connectrpc/connect';
import { drainWhenAnswered } from './drain.ts';
import { encodeGrpcMessage } from './grpc-message.ts';

const TRAILER_FRAME_FLAG = 0x80;
const FRAME_HEADER_BYTES = 5;

/** Answers `unimplemented` in gRPC and gRPC-Web, and 404 to everything else, as Connect asks for. */
export function answerNotServed(path: string, request: IncomingMessage, response: ServerResponse): void {
  drainWhenAnswered(request, response);
  const contentType = request.headers['content-type'] ?? '';
  const message = `${path} is not served here`;
  if (contentType.startsWith('application/grpc-web')) {
    response.writeHead(200, { 'content-type': contentType });
    response.end(encodeGrpcWebTrailers(message, contentType.startsWith('application/grpc-web-text')));
  } else if (contentType.startsWith('application/grpc')) {
    response.writeHead(200, { 'content-type': contentType });
    response.addTrailers({ 'grpc-status': `${Code.Unimplemented}`, 'grpc-message': encodeGrpcMessage(message) });
    response.end();
  } else {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ code: 'unimplemented', message }));
  }
}

function encodeGrpcWebTrailers(message: string, isText: boolean): Buffer | string {
  const trailers = `grpc-status: ${Code.Unimplemented}\r\ngrpc-message: ${encodeGrpcMessage(message)}\r\n`;
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + trailers.length);
  frame.writeUInt8(TRAILER_FRAME_FLAG, 0);
  frame.writeUInt32BE(trailers.length, 1);
  frame.write(trailers, FRAME_HEADER_BYTES, 'latin1');
  return isText ? frame.toString('base64') : frame;
}
