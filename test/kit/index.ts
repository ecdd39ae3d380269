// The public face of @touchstone/kit: everything a test may import.

export type { Called, Contract, ContractOptions, Declaration, Given, Replied, Upon } from './contract/contract.ts';
export { contract } from './contract/contract.ts';
export { ContractFileError } from './contract/contract-document.ts';
export { ContractError } from './contract/contract-error.ts';
export type { ErrorDetail, ReplyHeaders } from './contract/declare-rpc.ts';
export { detail } from './contract/declare-rpc.ts';
export type { Provider } from './contract/run-consumer.ts';
export type { StubServer, StubServerOptions } from './contract/stub-server.ts';
export { startStubServer } from './contract/stub-server.ts';
export type { CapturedEvent } from './events/captured-event.ts';
export type { EventEnvelope } from './events/declare-event.ts';
export { cloudEventHeaders } from './events/declare-event.ts';
export type { Delivery } from './events/deliveries.ts';
export type {
  EventConsumer,
  EventDeclaration,
  EventHandler,
  HandleOptions,
  HandlerSource,
} from './events/handle-events.ts';
export { replayRecordedEvents, writeRecordedEvents } from './events/recorded-events.ts';
export type { ExpectedEvent, VerifyEventsOptions } from './events/verify-events.ts';
export { verifyEvents } from './events/verify-events.ts';
export type { Call, CallOutcome } from './journal.ts';
export type { Difference } from './matching/difference.ts';
export type { HeaderLiteral } from './matching/header-pattern.ts';
export type { Matcher } from './matching/matchers.ts';
export {
  absent,
  anyOf,
  anyTimestamp,
  anything,
  eachLike,
  integerRange,
  like,
  packed,
  present,
  regex,
  unordered,
} from './matching/matchers.ts';
export type { MessageLiteral } from './matching/message-literal.ts';
export type { Received } from './received.ts';
export type { Reply, ReplyFunction, Stub, StubbableMethod, StubSequence } from './stub.ts';
export type { StateHandler, StateHandlers, Teardown } from './verification/provider-states.ts';
export { StateError } from './verification/provider-states.ts';
export type { Check, Verification, VerifiedInteraction } from './verification/verification.ts';
export { VerificationError } from './verification/verification.ts';
export type { VerifyOptions } from './verification/verify-provider.ts';
export { verifyProvider } from './verification/verify-provider.ts';
export type { WireName } from './verification/wire.ts';
export type { VirtualService, VirtualServiceOptions } from './virtual-service.ts';
export { startVirtualService } from './virtual-service.ts';
