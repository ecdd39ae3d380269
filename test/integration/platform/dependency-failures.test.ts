// What each failure of the network is to the service that calls: the kit's README tells by which code it shows, this by what is
// then done about it. Measured over the connections that services have to each other.
import {
  answerInTls,
  bandwidth,
  blackHole,
  type Fault,
  failAlways,
  garbage,
  goAway,
  halfClose,
  type InjectOptions,
  latency,
  partition,
  refuse,
  reset,
  slowClose,
  startFaultProxy,
  truncateFrame,
  truncateMessage,
} from '@touchstone/kit';
import { createRpcServer } from '@touchstone/rpc-server';
import { expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { type CallFailure, DependencyError } from '#services/platform/dependency-error.ts';
import { createMetrics } from '#services/platform/metrics.ts';
import { createDependency } from '#services/platform/rpc-client.ts';
import { policyOf } from '../../support/call-policy.ts';
import { recordLog } from './recorded-log.ts';

const ofCalls: InjectOptions = { rpc: '*' };
const ofRequests: InjectOptions = { rpc: '*', direction: 'up' };

type Row = [failure: string, told: CallFailure | 'answered', fault: () => Fault, options?: InjectOptions];

const rows: readonly Row[] = [
  ['the port is closed, and connections are reset', 'unreachable', () => refuse({ closesPort: true })],
  ['connections are reset, and new ones too', 'unreachable', () => refuse()],
  ['the connection is reset before the request is read', 'unreachable', () => reset(), { direction: 'up' }],
  ['the connection is reset in place of the answer', 'unreachable', () => reset({ breaks: 'connection' }), ofCalls],
  ['the connection is reset in the middle of the answer', 'unreachable', () => reset({ afterBytes: 2 })],
  ['the call is reset: INTERNAL_ERROR', 'unreachable', () => reset(), ofCalls],
  ['the call is reset: NO_ERROR', 'timeout', () => reset({ http2Code: 0 }), ofCalls],
  ['the call is reset: REFUSED_STREAM', 'unreachable', () => reset({ http2Code: 7 }), ofCalls],
  ['the call is reset: CANCEL', 'unreachable', () => reset({ http2Code: 8 }), ofCalls],
  ['the call is reset: ENHANCE_YOUR_CALM', 'unreachable', () => reset({ http2Code: 11 }), ofCalls],
  ['a black hole swallows the connection', 'timeout', () => blackHole()],
  ['a black hole swallows the call', 'timeout', () => blackHole(), ofCalls],
  ['requests are cut off', 'timeout', () => partition(), { direction: 'up' }],
  ['answers are cut off', 'timeout', () => partition()],
  ['the answer is later than the deadline', 'timeout', () => latency({ delayMs: 30_000 }), ofCalls],
  ['the answer is slower than the deadline', 'timeout', () => bandwidth({ bytesPerSecond: 1 }), ofCalls],
  ['the answer does not end in time', 'timeout', () => slowClose({ delayMs: 30_000 }), ofCalls],
  ['the server closes its side of the connection in place of the answer', 'unreachable', () => halfClose()],
  ['the answer ends before its body', 'unreachable', () => halfClose(), ofCalls],
  ['the answer ends in the middle of its message', 'unreachable', () => truncateMessage({ afterBytes: 8 }), ofCalls],
  // Nothing tells the service that something is missing: what it answers to nothing is its own affair.
  ['the request ends before its body', 'answered', () => halfClose(), ofRequests],
  ['the request ends in the middle of its message', 'refused', () => truncateMessage({ afterBytes: 2 }), ofRequests],
  ['the connection ends in the middle of a frame', 'unreachable', () => truncateFrame({ afterBytes: 3 }), ofCalls],
  ['garbage comes instead of the protocol', 'unreachable', () => garbage()],
  ['garbage comes in the body of the answer', 'internal', () => garbage(), ofCalls],
  ['a TLS alert answers plaintext', 'unreachable', () => answerInTls()],
  ['GOAWAY leaves the call out: NO_ERROR', 'unreachable', () => goAway()],
  ['GOAWAY follows the call: NO_ERROR', 'answered', () => goAway({ refuses: false })],
  ['GOAWAY leaves the call out: ENHANCE_YOUR_CALM', 'unreachable', () => goAway({ http2Code: 11 })],
  ['a gateway answers 503', 'unreachable', () => failAlways(503)],
  ['a gateway answers 429', 'unreachable', () => failAlways(429)],
  ['a gateway answers 500', 'internal', () => failAlways(500)],
];

/** The same for a client that has no connection yet. */
const rowsWithoutConnection: readonly Row[] = [
  ['nobody listens on the port', 'unreachable', () => refuse({ closesPort: true })],
  ['the connection is reset as soon as it is open', 'unreachable', () => refuse()],
  ['a TLS alert answers plaintext at once', 'unreachable', () => answerInTls()],
];

it.each<Row>(rows)('%s: the call is told as %s', async (_, told, fault, options = {}) => {
  await using setting = await startSetting();
  await setting.call();

  const handle = setting.proxy.inject(fault(), options);

  expect(await setting.call()).toBe(told);
  expect(handle.hits).toBe(1);
});

it.each<Row>(rowsWithoutConnection)('%s: the first call is told as %s', async (_, told, fault) => {
  await using setting = await startSetting();

  setting.proxy.inject(fault());

  expect(await setting.call()).toBe(told);
});

/** A service before which a fault proxy stands, and how a call to it ends. */
async function startSetting() {
  await using resources = new AsyncDisposableStack();
  const server = createRpcServer({
    routes: ({ service }) =>
      service(InventoryService, {
        checkAvailability: ({ productId }) => ({ productId, available: true, quantity: 100 }),
      }),
  });
  const { url } = await server.listen();
  resources.defer(() => server.stop({ graceMs: 0 }));
  const proxy = resources.use(await startFaultProxy({ upstream: url }));
  const { log } = recordLog('order');
  const policy = policyOf({ timeoutMs: 250, tryTimeoutMs: 250 });
  const dependency = createDependency({ url: proxy.url, policy, metrics: createMetrics('order'), log });
  resources.defer(dependency.stop);
  const client = dependency.client(InventoryService);
  const owned = resources.move();
  return {
    proxy,
    call: async (): Promise<unknown> => {
      try {
        await client.checkAvailability({ productId: '12345' });
        return 'answered';
      } catch (error) {
        return error instanceof DependencyError ? error.failure : error;
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
