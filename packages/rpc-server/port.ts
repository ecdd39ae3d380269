// The other public face, @touchstone/rpc-server/port: the port alone, for a server with an answer of its own to the plainest
// calls. It loads nothing of Connect.

export type { UnaryAnswer, UnaryCall } from './answer-memory.ts';
export { readUnaryCall, writeAnswer } from './answer-memory.ts';
export { ProtocolPort } from './protocol-port.ts';
