// A client on Python's grpcio, where this machine has it.
import { fileURLToPath } from 'node:url';
import {
  create,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { runProgram } from '../stack.ts';

/** Why its tests are skipped. */
export const GRPCIO_MISSING = 'python3 with the package grpcio is not on this machine';

const SCRIPT = fileURLToPath(new URL('./unary_call.py', import.meta.url));

type Printed = { code: number; details: string; reply: string; trailers: [name: string, base64: string][] };

export type GrpcioAnswer<Method extends DescMethodUnary> =
  | { readonly reply: MessageShape<Method['output']> }
  /** `text` is what grpcio shows as the error's details; `error` has those of the trailers. */
  | { readonly text: string; readonly error: ConnectError };

/** Whether its tests can run; tests never install it. */
export async function hasGrpcio(): Promise<boolean> {
  return (await runProgram('python3', ['-c', 'import grpc'])).exitCode === 0;
}

/** Makes a unary call of a server without TLS. */
export async function callWithGrpcio<Method extends DescMethodUnary>(
  address: string,
  method: Method,
  request: MessageInitShape<Method['input']>,
): Promise<GrpcioAnswer<Method>> {
  const path = `/${method.parent.typeName}/${method.name}`;
  const base64 = Buffer.from(toBinary(method.input, create(method.input, request))).toString('base64');
  const { exitCode, stdout, stderr } = await runProgram('python3', [SCRIPT, address, path, base64]);
  if (exitCode !== 0) throw new Error(`${SCRIPT} ended with ${exitCode}: ${stderr}`);
  const { code, details, reply, trailers } = JSON.parse(stdout) as Printed;
  if (code === 0)
    return { reply: fromBinary(method.output, Buffer.from(reply, 'base64')) as MessageShape<Method['output']> };
  const headers = new Headers({ 'grpc-status': String(code), 'grpc-message': encodeURIComponent(details) });
  for (const [name, value] of trailers) {
    headers.set(name, name.endsWith('-bin') ? value : Buffer.from(value, 'base64').toString());
  }
  const error = findTrailerError(headers);
  if (error === undefined) throw new Error(`${path}: status ${code} is no error`);
  return { text: details, error };
}
