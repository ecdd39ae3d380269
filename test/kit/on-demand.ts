// What a contract test does not need is loaded by the first call of it: a test's time begins with loading the kit. Each
// function here is the one of the same name, whose file has its types.

import type { FaultControl, FaultControlOptions } from './fault-proxy/control/fault-control.ts';
import type { FaultProxy, FaultProxyOptions } from './fault-proxy/fault-proxy.ts';
import type { Recording } from './recording/exchange.ts';
import type { Recorder, RecorderOptions } from './recording/recorder.ts';
import type { Replay, ReplayOptions } from './recording/replay.ts';
import type { VirtualService, VirtualServiceOptions } from './virtual/virtual-service.ts';

/**
 * Opens a port with touchstone.kit.v1.FaultProxyService.
 *
 * @throws Error naming host and port when the address cannot be had.
 */
export async function startFaultControl(options: FaultControlOptions): Promise<FaultControl> {
  const control = await import('./fault-proxy/control/fault-control.ts');
  return control.startFaultControl(options);
}

/**
 * Starts a proxy that passes everything.
 *
 * @throws TypeError naming the option that cannot be used, Error naming host and port when the address cannot be had.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = await import('./fault-proxy/fault-proxy.ts');
  return proxy.startFaultProxy(options);
}

/**
 * Starts a recorder in front of a service.
 *
 * @throws RecordingError naming an option that cannot be used: a redaction rule for a field that does not exist, a file
 *   that is there; Error naming host and port when the address cannot be had.
 */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const recorder = await import('./recording/recorder.ts');
  return recorder.startRecorder(options);
}

/**
 * Starts a server that answers as a recording says, in every protocol. Calls are told apart by what they mean; redacted
 * values match anything. Equal calls are answered in the recorded order, then with the last answer again. A call that
 * was not recorded is answered `unimplemented`, with the nearest exchange and what differs.
 *
 * @param source a recording, or its file.
 * @throws RecordingError when the file is no recording, does not fit the services or has no exchange to answer with;
 *   Error naming host and port when the address cannot be had.
 */
export async function startReplay(source: string | Recording, options: ReplayOptions): Promise<Replay> {
  const replay = await import('./recording/replay.ts');
  return replay.startReplay(source, options);
}

/**
 * Starts a virtual service that answers what its contract says, if it has one, and `unimplemented` to all else until it
 * is told otherwise.
 *
 * @throws Error naming host and port when the address cannot be had, ContractFileError when the contract cannot be used.
 */
export async function startVirtualService(options: VirtualServiceOptions): Promise<VirtualService> {
  const service = await import('./virtual/virtual-service.ts');
  return service.startVirtualService(options);
}
