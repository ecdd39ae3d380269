// The public face of @touchstone/kit: everything a test may import.

export type { Call, CallOutcome } from './journal.ts';
export type { Received } from './received.ts';
export type { Reply, ReplyFunction, Stub, StubbableMethod, StubSequence } from './stub.ts';
export type { VirtualService, VirtualServiceOptions } from './virtual-service.ts';
export { startVirtualService } from './virtual-service.ts';
