// The entry point @touchstone/rpc-server/port: only the port, for a server that answers simple calls itself. It does not load
// Connect.

export type { UnaryAnswer, UnaryCall } from './answer-memory.ts';
export { readUnaryCall, writeAnswer } from './answer-memory.ts';
export { ProtocolPort } from './protocol-port.ts';
export { findTlsMismatch } from './tls-mismatch.ts';
