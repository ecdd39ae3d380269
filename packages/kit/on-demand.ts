// The functions of the kit that contract tests do not need. Each loads its implementation on its first call, because loading
// everything up front would slow every contract test down.

import type { StubServer, StubServerOptions } from './contract/stub-server.ts';
import type { ControlClient, ControlClientOptions } from './control/control-client.ts';
import type { Control, ControlOptions } from './control/control-server.ts';
import type { CanIDeployOptions, DeployReport } from './deployment/can-i-deploy.ts';
import type { FaultControl, FaultControlOptions } from './fault-proxy/control/fault-control.ts';
import type { FaultProxy, FaultProxyOptions } from './fault-proxy/fault-proxy.ts';
import type { FuzzOptions, FuzzReport } from './fuzz/fuzz.ts';
import type { Recording } from './recording/exchange.ts';
import type { PromoteOptions, Promotion } from './recording/promote.ts';
import type { Recorder, RecorderOptions } from './recording/recorder.ts';
import type { Replay, ReplayOptions } from './recording/replay.ts';
import type { Schema } from './schema/load-schema.ts';
import type { Verification } from './verification/verification.ts';
import type { VerifyOptions } from './verification/verify-provider.ts';
import type { MswHttp, PlaywrightRoute } from './virtual/browser-mocks.ts';
import type { InMemoryService } from './virtual/in-memory-service.ts';
import type { StubbedServiceOptions } from './virtual/stubbed-service.ts';
import type { VirtualService, VirtualServiceOptions } from './virtual/virtual-service.ts';

/**
 * Checks a version of a participant against what is in an environment: as a consumer, that the versions of its providers there honour its
 * contracts; as a provider, that it honours the contracts of the versions of its consumers there. All of it is read from git.
 *
 * @throws {DeploymentError} naming an option that names nothing, a repository or a file; ContractFileError or SchemaError when a file
 *   cannot be read.
 */
export async function canIDeploy(options: CanIDeployOptions): Promise<DeployReport> {
  const deployment = await import('./deployment/can-i-deploy.ts');
  return deployment.canIDeploy(options);
}

/**
 * Creates the client of a control port, for tests in another process than the virtual service, such as those of Playwright.
 *
 * @param url the URL of the control port, such as that of `kit virtual --control`.
 * @throws {TypeError} A certificate or a key cannot be used: names the option and the reason.
 */
export async function createControlClient(url: string, options?: ControlClientOptions): Promise<ControlClient> {
  const client = await import('./control/control-client.ts');
  return client.createControlClient(url, options);
}

/**
 * Creates a virtual service without a port, for clients in the same process and for the network mocks of browsers. It has the
 * stubs, the states and the journal of one with a port, but no faults.
 *
 * @throws {ContractFileError} when the contract cannot be used.
 */
export async function createInMemoryService(options: StubbedServiceOptions): Promise<InMemoryService> {
  const service = await import('./virtual/in-memory-service.ts');
  return service.createInMemoryService(options);
}

/**
 * Returns handlers for `setupServer` of msw: one for each service, for every host. They run in Node, where the kit runs, and get the calls
 * of clients that use fetch.
 *
 * @param http msw's `http`.
 */
export async function createMswHandlers<Handler>(service: InMemoryService, http: MswHttp<Handler>): Promise<Handler[]> {
  const mocks = await import('./virtual/browser-mocks.ts');
  return mocks.createMswHandlers(service, http);
}

/**
 * Returns a handler for `page.route('**', handler)` of Playwright. Requests for other paths are left to other routes. A stream
 * of responses reaches the page when it has ended.
 */
export async function createPlaywrightHandler(
  service: InMemoryService,
): Promise<(route: PlaywrightRoute) => Promise<void>> {
  const mocks = await import('./virtual/browser-mocks.ts');
  return mocks.createPlaywrightHandler(service);
}

/**
 * Calls the RPCs of a running service with generated requests, and returns the answers that show an error of the service. The
 * service really executes the calls.
 *
 * @throws {FuzzError} if nothing listens at the URL, it speaks none of the protocols, or there is no such process.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const fuzzer = await import('./fuzz/fuzz.ts');
  return fuzzer.fuzz(options);
}

/**
 * Asks a running service for its schema, by gRPC server reflection (v1, or v1alpha of older servers).
 *
 * @param url the URL of the service. It has to speak gRPC over HTTP/2.
 * @param headers headers of the request, such as a token.
 * @throws {SchemaError} if the service has no reflection, or its answer is not a complete schema.
 */
export async function reflectSchema(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Schema> {
  const reflection = await import('./schema/reflect-schema.ts');
  return reflection.reflectSchema(url, headers);
}

/**
 * Opens a control port for a virtual service, with touchstone.kit.v1.StubControlService and FaultProxyService. Every caller
 * that reaches it controls the service.
 *
 * @throws {Error} The address cannot be used: names host and port.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const control = await import('./control/control-server.ts');
  return control.startControl(options);
}

/**
 * Writes exchanges of a recording as interactions of a contract. A redacted value becomes one that accepts all of its
 * type. Interrupted exchanges are left out.
 *
 * @param source a recording, or its file.
 * @throws {RecordingError} when the file is no recording or does not fit the services, nothing is chosen, or two
 *   exchanges answer the same call differently; TypeError when a name cannot be part of a file name; ContractFileError
 *   when the contract file there cannot be used.
 */
export async function promoteRecording(source: string | Recording, options: PromoteOptions): Promise<Promotion> {
  const promotion = await import('./recording/promote.ts');
  return promotion.promoteRecording(source, options);
}

/**
 * Opens a port with touchstone.kit.v1.FaultProxyService.
 *
 * @throws {Error} The address cannot be used: names host and port.
 */
export async function startFaultControl(options: FaultControlOptions): Promise<FaultControl> {
  const control = await import('./fault-proxy/control/fault-control.ts');
  return control.startFaultControl(options);
}

/**
 * Starts a proxy that passes everything.
 *
 * @throws {TypeError} naming the option that cannot be used, Error The address cannot be used: names host and port.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = await import('./fault-proxy/fault-proxy.ts');
  return proxy.startFaultProxy(options);
}

/**
 * Starts a recorder in front of a service.
 *
 * @throws {RecordingError} naming an option that cannot be used: a redaction rule for a field that does not exist, a file
 *   that is there. {Error} The address cannot be used: names host and port.
 */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const recorder = await import('./recording/recorder.ts');
  return recorder.startRecorder(options);
}

/**
 * Starts a server that answers as a recording says, in every protocol. Calls are matched by meaning; redacted
 * values match anything. Equal calls are answered in the recorded order, then with the last answer again. A call that
 * was not recorded is answered `unimplemented`, with the nearest exchange and what differs.
 *
 * @param source a recording, or its file.
 * @throws {RecordingError} when the file is no recording, does not fit the services or has no exchange to answer with;
 *   Error The address cannot be used: names host and port.
 */
export async function startReplay(source: string | Recording, options: ReplayOptions): Promise<Replay> {
  const replay = await import('./recording/replay.ts');
  return replay.startReplay(source, options);
}

/**
 * Starts a server that answers as the contracts in `files` say: a file, a folder, or a list of both. A call that no
 * interaction accepts is answered `unimplemented` with the nearest one and what differs, an ambiguous one `internal`.
 * The deadlines that a contract expects of its consumer are not checked.
 *
 * @throws {ContractFileError} when a file cannot be read or does not fit the services, or there is no interaction in them;
 *   Error The address cannot be used: names host and port.
 */
export async function startStubServer(
  files: string | readonly string[],
  options: StubServerOptions,
): Promise<StubServer> {
  const server = await import('./contract/stub-server.ts');
  return server.startStubServer(files, options);
}

/**
 * Starts a virtual service that answers from its contract, if it has one, and `unimplemented` otherwise until the
 * test adds stubs.
 *
 * @throws {Error} The address cannot be used: names host and port, ContractFileError when the contract cannot be used.
 */
export async function startVirtualService(options: VirtualServiceOptions): Promise<VirtualService> {
  const service = await import('./virtual/virtual-service.ts');
  return service.startVirtualService(options);
}

/**
 * Replays every RPC of the contracts in every protocol and HTTP version, each time in freshly set up states. Events are
 * left to `verifyEvents`.
 *
 * @returns what came of each; a contract that the services no longer fit is a check that failed.
 * @throws {ContractFileError} when a file cannot be read or there is nothing to verify, StateError when a state has no
 *   handler, TypeError when a name in `wires` is none, ProviderUnreachableError when its certificate is not trusted.
 */
export async function verifyProvider(options: VerifyOptions): Promise<Verification> {
  const verification = await import('./verification/verify-provider.ts');
  return verification.verifyProvider(options);
}

/**
 * Writes what came of a verification to `<directory>/<provider>.json`, for `canIDeploy`. Results of interactions that it did not verify are
 * kept, such as those of events.
 *
 * @returns the paths of the files.
 * @throws {DeploymentError} when a file there is not one of results.
 */
export async function writeVerification(directory: string, verification: Verification): Promise<string[]> {
  const results = await import('./deployment/verification-results.ts');
  return results.writeVerification(directory, verification);
}
