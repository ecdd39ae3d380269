// The comparison of the thin path of unary calls with Connect's, on either side. Both paths of a side are measured in turns, with the
// other side unchanged.
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import {
  CheckAvailabilityRequestSchema,
  InventoryService,
} from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { propagateTrace } from '../../../services/platform/client/rpc-client.ts';
import { exchange } from '../../../services/platform/client/unary-exchange.ts';
import { createUnaryTransport } from '../../../services/platform/client/unary-transport.ts';
import { installTracing } from '../../../services/platform/observability/tracing.ts';
import { measureInTurns, median, medianRatio } from '../kit/figures.ts';

export type Effort = {
  readonly rounds: number;
  /** Of each path, per round. */
  readonly calls: number;
  readonly inFlight: number;
};

/** The processor time of a call in microseconds, the median of the rounds, and Connect's as a multiple of the thin path's. */
export type Comparison = { readonly connectUs: number; readonly thinUs: number; readonly ratio: number };

const WARM_UP_ROUNDS = 3;
const REQUEST = { productId: '12345' };
const DEADLINE_MS = 10_000;
/** The server chooses its path by the spelling: services send the first. */
const CONTENT_TYPES = { thin: 'application/proto', connect: 'application/PROTO' };

/** Compares the paths of the client. */
export async function compareClients(url: string, effort: Effort): Promise<Comparison> {
  installTracing();
  using sessions = openSessions(url);
  const interceptors = [propagateTrace];
  const { thin, connect } = sessions;
  const common = { baseUrl: url, httpVersion: '2', useBinaryFormat: true, interceptors } as const;
  const clients = {
    thin: createClient(InventoryService, createUnaryTransport({ url, manager: thin, interceptors })),
    connect: createClient(InventoryService, createConnectTransport({ ...common, sessionManager: connect })),
  };
  const call = (name: keyof typeof clients) => () =>
    clients[name].checkAvailability(REQUEST, { timeoutMs: DEADLINE_MS });
  return await compare(effort, call, async () => ownProcessorTime());
}

/** Compares the paths of the server. */
export async function compareServers(url: string, effort: Effort): Promise<Comparison> {
  using sessions = openSessions(url);
  const body = toBinary(CheckAvailabilityRequestSchema, create(CheckAvailabilityRequestSchema, REQUEST));
  const { signal } = new AbortController();
  const call = (name: keyof typeof CONTENT_TYPES) => () =>
    exchange({
      manager: sessions[name],
      path: `/${InventoryService.typeName}/CheckAvailability`,
      headers: {
        'content-type': CONTENT_TYPES[name],
        'connect-protocol-version': '1',
        'connect-timeout-ms': String(DEADLINE_MS),
        'accept-encoding': 'gzip,br',
      },
      body,
      signal,
      onHead: (head) => {
        if (head[':status'] !== 200) throw new Error(`the server has answered ${head[':status']}`);
      },
    });
  return await compare(effort, call, async () => Number(await (await fetch(`${url}/processor-time`)).text()));
}

async function compare(
  { rounds, calls, inFlight }: Effort,
  call: (path: 'thin' | 'connect') => () => Promise<unknown>,
  processorTimeUs: () => Promise<number>,
): Promise<Comparison> {
  const measure = (make: () => Promise<unknown>) => async (): Promise<number> => {
    const beganUs = await processorTimeUs();
    let left = calls;
    const caller = async () => {
      while (left > 0) {
        left -= 1;
        await make();
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    return ((await processorTimeUs()) - beganUs) / calls;
  };
  const paths = { connect: measure(call('connect')), thin: measure(call('thin')) };
  await measureInTurns(WARM_UP_ROUNDS, paths);
  const times = await measureInTurns(rounds, paths);
  return {
    connectUs: median(times.connect),
    thinUs: median(times.thin),
    ratio: medianRatio(times.connect, times.thin),
  };
}

function ownProcessorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function openSessions(url: string) {
  const thin = new Http2SessionManager(url);
  const connect = new Http2SessionManager(url);
  return {
    thin,
    connect,
    [Symbol.dispose]: () => {
      thin.abort();
      connect.abort();
    },
  };
}
