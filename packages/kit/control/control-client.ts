// The client of a control port, for tests in another process than the virtual service, such as those of Playwright.

import { type DescMethod, type JsonValue, toJson } from '@bufbuild/protobuf';
import { timestampDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { type ClientTls, clientTlsOf } from '../base/client-tls.ts';
import { nameOf } from '../base/rpc-name.ts';
import { readFaultRequest } from '../fault-proxy/control/fault-argument.ts';
import {
  FaultProxyService,
  type InjectedFault,
} from '../fault-proxy/control/gen/touchstone/kit/v1/fault_proxy_service_pb.ts';
import type { NearestMatch } from '../matching/difference.ts';
import { withoutBigints } from '../matching/exact-json.ts';
import type { CallOutcome } from '../virtual/journal.ts';
import { outcomeOf, outcomeToProto } from './call-to-proto.ts';
import {
  type GetServerResponse,
  type RecordedCall as ProtoCall,
  type Stub,
  StubControlService,
} from './gen/touchstone/kit/v1/stub_control_service_pb.ts';
import type { StubDefinition } from './stub-definition.ts';

/** An RPC, or its name, such as `greet.v1.GreetService/Greet`. */
type RpcName = DescMethod | string;

/** A call that the controlled server received. */
export type ControlledCall = {
  /** Ids grow with the order of arrival. */
  readonly id: string;
  readonly rpc: string;
  readonly arrivedAt: Date;
  /** Its requests as proto3 JSON: numbers of 64 bits are strings, and fields without a value are left out. */
  readonly requests: readonly JsonValue[];
  /** Its request headers, in lower case. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly outcome: CallOutcome;
  /** The error it was answered with, with its code, such as `not_found`. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** The name of the fault that affected its answer. */
  readonly fault: string | undefined;
  /** Whether it was forwarded to the real service, because no stub matched. */
  readonly isForwarded: boolean;
  /** For an unmatched call: the nearest stub or interaction, if its RPC has any. */
  readonly nearest: NearestMatch | undefined;
};

/** Which calls to list. Default: all. */
export type CallFilter = {
  readonly rpc?: RpcName;
  readonly outcomes?: readonly CallOutcome[];
  /** Only calls that arrived after the one with this id. */
  readonly afterId?: string;
};

/** Controls a virtual service through its control port. Each function throws the ConnectError of its RPC. */
export type ControlClient = {
  /** Returns the server's URL, its RPCs and its states. */
  server(): Promise<Pick<GetServerResponse, 'url' | 'rpcs' | 'state' | 'knownProviderStates' | 'providerStates'>>;
  /** Adds stubs: all of them or, after an error, none. */
  addStubs(...stubs: StubDefinition[]): Promise<Stub[]>;
  /** Replaces all stubs by these: by all of them or, after an error, by none. */
  replaceStubs(stubs: readonly StubDefinition[]): Promise<Stub[]>;
  /** Replaces the stubs of one RPC. */
  replaceStubsOf(rpc: RpcName, stubs: readonly StubDefinition[]): Promise<Stub[]>;
  /** Removes stubs by their ids. */
  removeStubs(...ids: string[]): Promise<Stub[]>;
  /** Returns the stubs, with how often each answered. */
  stubs(rpc?: RpcName): Promise<Stub[]>;
  /** Sets the state on which stubs depend. */
  setState(state: string): Promise<void>;
  /** Selects the provider states of the contracts; without any, all interactions answer. */
  setProviderStates(...states: string[]): Promise<void>;
  /** Returns the recorded calls, in the order of arrival. */
  calls(filter?: CallFilter): Promise<ControlledCall[]>;
  /** Returns the calls that matched no stub and no interaction, or several, each with the nearest one. */
  unmatchedCalls(rpc?: RpcName): Promise<ControlledCall[]>;
  /** Switches a fault on, written as for `kit faults`, such as `latency:delayMs=500,rpc=*`. */
  inject(fault: string): Promise<InjectedFault>;
  /** Switches a fault off, and returns its counts. */
  removeFault(id: string): Promise<InjectedFault | undefined>;
  /** Switches all faults off, and returns their counts. */
  heal(): Promise<InjectedFault[]>;
  /** Removes every stub, recorded call and fault, and returns to the first states. */
  reset(): Promise<void>;
};

/** How a control port with TLS is called. */
export type ControlClientOptions = {
  readonly tls?: ClientTls;
};

/**
 * Creates the client of the control port at this URL, such as that of `kit virtual --control`.
 *
 * @throws {TypeError} A certificate or a key cannot be used: names the option and the reason.
 */
export function createControlClient(url: string, { tls = {} }: ControlClientOptions = {}): ControlClient {
  const nodeOptions = clientTlsOf(tls, 'tls');
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', useBinaryFormat: true, nodeOptions });
  const stubs = createClient(StubControlService, transport);
  const faults = createClient(FaultProxyService, transport);
  return {
    server: () => stubs.getServer({}),
    addStubs: async (...added) => (await stubs.addStubs({ definitions: toDefinitions(added) })).stubs,
    replaceStubs: async (others) => (await stubs.replaceStubs({ definitions: toDefinitions(others) })).stubs,
    replaceStubsOf: async (rpc, others) =>
      (await stubs.replaceStubs({ rpc: toName(rpc), definitions: toDefinitions(others) })).stubs,
    removeStubs: async (...ids) => (await stubs.removeStubs({ ids })).stubs,
    stubs: async (rpc) => (await stubs.listStubs({ rpc: toName(rpc) })).stubs,
    setState: async (state) => void (await stubs.setState({ state })),
    setProviderStates: async (...providerStates) => void (await stubs.setProviderStates({ providerStates })),
    async calls({ rpc, outcomes = [], afterId = '' } = {}) {
      const listed: ControlledCall[] = [];
      for (let hasMore = true; hasMore; ) {
        const page = await stubs.listCalls({
          rpc: toName(rpc),
          outcomes: outcomes.map(outcomeToProto),
          afterId: listed.at(-1)?.id ?? afterId,
        });
        listed.push(...page.calls.map(toCall));
        ({ hasMore } = page);
      }
      return listed;
    },
    unmatchedCalls: async (rpc) => (await stubs.listUnmatchedCalls({ rpc: toName(rpc) })).calls.map(toCall),
    inject: async (fault) => (await faults.injectFault(readFaultRequest(fault))).fault as InjectedFault,
    removeFault: async (faultId) => (await faults.removeFault({ faultId })).fault,
    heal: async () => (await faults.heal({})).faults,
    reset: async () => void (await stubs.reset({})),
  };
}

function toName(rpc: RpcName | undefined): string {
  if (rpc === undefined) return '';
  return typeof rpc === 'string' ? rpc : nameOf(rpc);
}

function toDefinitions(stubs: readonly StubDefinition[]): { json: string } {
  return { json: JSON.stringify(stubs.map((stub) => withoutBigints({ ...stub, rpc: toName(stub.rpc) }))) };
}

function toCall({
  arrivedAt,
  requests,
  outcome,
  error,
  fault,
  forwarded,
  nearest,
  ...call
}: ProtoCall): ControlledCall {
  const { id, rpc, requestHeaders } = call;
  return {
    id,
    rpc,
    requestHeaders,
    arrivedAt: arrivedAt === undefined ? new Date(0) : timestampDate(arrivedAt),
    requests: requests.map((value) => toJson(ValueSchema, value)),
    outcome: outcomeOf(outcome),
    error: error && { code: error.code, message: error.message },
    fault: fault === '' ? undefined : fault,
    isForwarded: forwarded,
    nearest: nearest && {
      description: nearest.description,
      differences: nearest.differences.map(({ path, expected, actual }) => ({ path, expected, actual })),
    },
  };
}
