// The public API of @touchstone/kit.

export type { BrowserAccess } from './base/browser-access.ts';
export type { ClientTls } from './base/client-tls.ts';
export type { KeyPair } from './base/key-pair.ts';
export type { ServerTls } from './base/server-tls.ts';
export { ProviderUnreachableError } from './base/upstream-certificate.ts';
export type { Called, Contract, ContractOptions, Declaration, Given, Replied, Upon } from './contract/contract.ts';
export { contract } from './contract/contract.ts';
export type { ErrorDetail, ReplyHeaders } from './contract/declare-rpc.ts';
export { detail } from './contract/declare-rpc.ts';
export type { MockProvider } from './contract/mock-provider-pool.ts';
export type { StubServer, StubServerOptions } from './contract/stub-server.ts';
export { ContractFileError } from './contract-file/contract-document.ts';
export { ContractError } from './contract-file/contract-error.ts';
export type { CallFilter, ControlClient, ControlClientOptions, ControlledCall } from './control/control-client.ts';
export type { Control, ControlOptions } from './control/control-server.ts';
export {
  type Stub as ControlledStub,
  StubControlService,
} from './control/gen/touchstone/kit/v1/stub_control_service_pb.ts';
export type { StubDefinition, StubStepDefinition } from './control/stub-definition.ts';
export type { CanIDeployOptions, DeployedPair, DeployReport, ParticipantVersion } from './deployment/can-i-deploy.ts';
export { formatDeployReport } from './deployment/deploy-report.ts';
export { DeploymentError } from './deployment/deployment-error.ts';
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
export type { FaultControl, FaultControlOptions } from './fault-proxy/control/fault-control.ts';
export {
  FaultProxyService,
  type InjectedFault,
} from './fault-proxy/control/gen/touchstone/kit/v1/fault_proxy_service_pb.ts';
export type { Chunk, Stage } from './fault-proxy/core/chunk.ts';
export type { Direction, Fault, FaultContext, FaultTarget, ProxiedCall } from './fault-proxy/core/fault.ts';
export type { FaultProxy, FaultProxyOptions } from './fault-proxy/fault-proxy.ts';
export { answerInTls } from './fault-proxy/faults/answer-in-tls.ts';
export type { BandwidthOptions } from './fault-proxy/faults/bandwidth.ts';
export { bandwidth } from './fault-proxy/faults/bandwidth.ts';
export { blackHole } from './fault-proxy/faults/black-hole.ts';
export { failAlways } from './fault-proxy/faults/fail-always.ts';
export { failEvery } from './fault-proxy/faults/fail-every.ts';
export { failFirst } from './fault-proxy/faults/fail-first.ts';
export type { GarbageOptions } from './fault-proxy/faults/garbage.ts';
export { garbage } from './fault-proxy/faults/garbage.ts';
export type { GoAwayOptions } from './fault-proxy/faults/go-away.ts';
export { goAway } from './fault-proxy/faults/go-away.ts';
export type { HalfCloseOptions } from './fault-proxy/faults/half-close.ts';
export { halfClose } from './fault-proxy/faults/half-close.ts';
export type { LatencyOptions } from './fault-proxy/faults/latency.ts';
export { latency } from './fault-proxy/faults/latency.ts';
export { partition } from './fault-proxy/faults/partition.ts';
export type { RefuseOptions } from './fault-proxy/faults/refuse.ts';
export { refuse } from './fault-proxy/faults/refuse.ts';
export type { ResetOptions } from './fault-proxy/faults/reset.ts';
export { reset } from './fault-proxy/faults/reset.ts';
export type { SlowCloseOptions } from './fault-proxy/faults/slow-close.ts';
export { slowClose } from './fault-proxy/faults/slow-close.ts';
export type { TruncateFrameOptions } from './fault-proxy/faults/truncate-frame.ts';
export { truncateFrame } from './fault-proxy/faults/truncate-frame.ts';
export type { TruncateMessageOptions } from './fault-proxy/faults/truncate-message.ts';
export { truncateMessage } from './fault-proxy/faults/truncate-message.ts';
export type { FaultHandle, FaultState, InjectOptions } from './fault-proxy/injected-fault.ts';
export type { FindingKind, TakenValue } from './fuzz/calls/finding.ts';
export type { FuzzFinding, FuzzOptions, FuzzReport, FuzzStep } from './fuzz/fuzz.ts';
export { FuzzError } from './fuzz/fuzz-error.ts';
export type { Difference, NearestMatch } from './matching/difference.ts';
export type { HeaderLiteral } from './matching/header-pattern.ts';
export type { Matcher } from './matching/matchers.ts';
export {
  absent,
  anyOf,
  anyTimestamp,
  anything,
  eachLike,
  fromState,
  integerRange,
  like,
  packed,
  present,
  regex,
  unordered,
} from './matching/matchers.ts';
export type { MessageLiteral } from './matching/message-literal.ts';
export type { KnownType } from './matching/type-registry.ts';
export {
  canIDeploy,
  createControlClient,
  createInMemoryService,
  createMswHandlers,
  createPlaywrightHandler,
  fuzz,
  promoteRecording,
  reflectSchema,
  startControl,
  startFaultControl,
  startFaultProxy,
  startRecorder,
  startReplay,
  startStubServer,
  startVirtualService,
  verifyProvider,
  writeVerification,
} from './on-demand.ts';
export type {
  RecordedDetail,
  RecordedExchange,
  RecordedFailure,
  RecordedHeaders,
  RecordedMessage,
  Recording,
  Redactable,
} from './recording/exchange.ts';
export type { PromotedState, PromoteOptions, Promotion } from './recording/promote.ts';
export type { Recorder, RecorderOptions, Redaction } from './recording/recorder.ts';
export { RecordingError } from './recording/recording-error.ts';
export { readRecording } from './recording/recording-file.ts';
export type { Replay, ReplayOptions } from './recording/replay.ts';
export type { Schema } from './schema/load-schema.ts';
export { loadSchema } from './schema/load-schema.ts';
export { SchemaError } from './schema/schema-error.ts';
export type { BreakingFinding, ChangedElement } from './usage/breaking-findings.ts';
export { FindingsError, readBreakingFindings } from './usage/breaking-findings.ts';
export type { ChangeReport, ChangeVerdict, JudgedFinding } from './usage/can-i-change.ts';
export { canIChange, formatChangeReport } from './usage/can-i-change.ts';
export type { AffectedUse } from './usage/find-users.ts';
export { formatUsage } from './usage/format-usage.ts';
export type { RecordUsageOptions, UsageRecorder } from './usage/record-usage.ts';
export { recordUsage } from './usage/record-usage.ts';
export type { ConsumerUsage, TestUsage, Usage, UsageKind, UsedType } from './usage/usage.ts';
export { UsageFileError } from './usage/usage-file.ts';
export { readUsage } from './usage/usage-store.ts';
export type { StateHandler, StateHandlers, StateOutcome, Teardown } from './verification/provider-states.ts';
export { StateError } from './verification/provider-states.ts';
export type { Check, Verification, VerifiedInteraction } from './verification/verification.ts';
export { VerificationError } from './verification/verification.ts';
export type { VerifyOptions } from './verification/verify-provider.ts';
export type { WireName } from './verification/wire.ts';
export type { MswHttp, PlaywrightRoute } from './virtual/browser-mocks.ts';
export type { InMemoryService } from './virtual/in-memory-service.ts';
export type { Call, CallOutcome } from './virtual/journal.ts';
export type { Received } from './virtual/received.ts';
export type { RequestLiteral } from './virtual/request-pattern.ts';
export type { ErrorDetails } from './virtual/step.ts';
export type {
  Conversation,
  FaultedStub,
  Reply,
  ReplyFunction,
  ReplyRequest,
  Stub,
  StubSequence,
} from './virtual/stub.ts';
export type { StubState } from './virtual/stub-registry.ts';
export type { StubbedService, StubbedServiceOptions } from './virtual/stubbed-service.ts';
export type { VirtualService, VirtualServiceOptions } from './virtual/virtual-service.ts';
