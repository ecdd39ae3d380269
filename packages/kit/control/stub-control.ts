// The implementation of touchstone.kit.v1.StubControlService for one virtual service.

import type { DescMethod, MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from '@connectrpc/connect';
import { reasonOf } from '../base/error-reason.ts';
import { nameOf } from '../base/rpc-name.ts';
import { ContractFileError } from '../contract-file/contract-document.ts';
import type { StubState } from '../virtual/stub-registry.ts';
import type { VirtualService } from '../virtual/virtual-service.ts';
import { hasOutcome, toRecordedCall } from './call-to-proto.ts';
import {
  type RemoveStubsRequest,
  StubControlService,
  type StubDefinitions,
  type StubSchema,
} from './gen/touchstone/kit/v1/stub_control_service_pb.ts';
import { readDefinitions } from './read-definitions.ts';
import { applyStubList } from './stub-json.ts';

const DEFAULT_MAX_CALLS = 1000;

/** Registers touchstone.kit.v1.StubControlService for a virtual service. */
export function routeStubControl(router: ConnectRouter, service: VirtualService): void {
  const methods = service.services.flatMap((desc) => desc.methods);
  router.service(StubControlService, implement(service, new Map(methods.map((method) => [nameOf(method), method]))));
}

function implement(
  service: VirtualService,
  served: ReadonlyMap<string, DescMethod>,
): ServiceImpl<typeof StubControlService> {
  const ofRpc = (rpc: string) => {
    const method = rpc === '' ? undefined : find(served, rpc);
    return (item: { readonly method: DescMethod }) => method === undefined || nameOf(item.method) === nameOf(method);
  };
  const vocabulary = { methods: [...served.values()], registry: service.registry };
  const add = (definitions: StubDefinitions | undefined, rpc = ''): StubState[] => {
    const last = service.stubs().at(-1)?.id ?? 0;
    for (const { name, stubs } of readDefinitions(definitions)) {
      try {
        applyStubList(stubs, service, vocabulary);
      } catch (error) {
        throw invalid(`${name}${reasonOf(error)}`, error);
      }
    }
    const added = service.stubs().filter(({ id }) => id > last);
    const stranger = added.find((stub) => !ofRpc(rpc)(stub));
    if (!stranger) return added;
    throw invalid(`definitions: ${stranger.name} is of ${nameOf(stranger.method)}, but rpc is ${rpc}`);
  };
  return {
    getServer: () => ({
      url: service.url,
      rpcs: [...served.keys()],
      state: service.state,
      knownProviderStates: [...service.knownContractStates],
      providerStates: [...(service.contractStates ?? [])],
    }),
    listStubs: ({ rpc }) => ({ stubs: service.stubs().filter(ofRpc(rpc)).map(toProto) }),
    addStubs({ definitions }) {
      if (readDefinitions(definitions).every(({ stubs }) => stubs.length === 0)) {
        throw invalid('definitions: must have a stub, in "stubs" or in "json"');
      }
      return { stubs: service.changeStubs(() => add(definitions)).map(toProto) };
    },
    replaceStubs: ({ rpc, definitions }) =>
      service.changeStubs(() => {
        const removed = service.removeStubs(ofRpc(rpc)).length;
        return { removed, stubs: add(definitions, rpc).map(toProto) };
      }),
    removeStubs: (request) => ({ stubs: remove(service, request, ofRpc).map(toProto) }),
    setState({ state }) {
      if (state === '') throw invalid('state: must not be empty');
      const previousState = service.state;
      service.state = state;
      return { previousState };
    },
    setProviderStates({ providerStates }) {
      selectProviderStates(service, providerStates);
      return {};
    },
    listCalls({ rpc, outcomes, afterId, maxCalls }) {
      const after = readAfterId(afterId);
      const { calls, dropped } = rpc === '' ? service.journal() : service.journal(find(served, rpc));
      const matching = calls.filter((call) => call.id > after && hasOutcome(call, outcomes));
      const listed = matching.slice(0, maxCalls || DEFAULT_MAX_CALLS);
      return {
        calls: listed.map((call) => toRecordedCall(call, service.registry)),
        hasMore: listed.length < matching.length,
        dropped,
      };
    },
    listUnmatchedCalls({ rpc }) {
      const { calls } = service.journal();
      const unmatched = calls.filter(ofRpc(rpc)).filter(({ outcome }) => outcome === 'unmatched');
      return { calls: unmatched.map((call) => toRecordedCall(call, service.registry)) };
    },
    reset() {
      service.reset();
      return {};
    },
  };
}

function remove(
  service: VirtualService,
  { ids, rpc }: RemoveStubsRequest,
  ofRpc: (rpc: string) => (stub: StubState) => boolean,
): StubState[] {
  if (ids.length === 0 && rpc === '') throw invalid('ids: must have an id, unless "rpc" is set');
  const known = new Set(service.stubs().map(({ id }) => String(id)));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined) throw new ConnectError(`ids: there is no stub "${unknown}"`, Code.NotFound);
  const isOfRpc = rpc === '' ? () => false : ofRpc(rpc);
  return service.removeStubs((stub) => ids.includes(String(stub.id)) || isOfRpc(stub));
}

function selectProviderStates(service: VirtualService, states: readonly string[]): void {
  if (service.knownContractStates.length === 0) {
    const problem = 'provider_states: the server has no contract whose interactions have a state';
    throw new ConnectError(problem, Code.FailedPrecondition);
  }
  try {
    service.useContractStates(...states);
  } catch (error) {
    if (!(error instanceof ContractFileError)) throw error;
    throw invalid(error.message.replace(/^contractStates: /, 'provider_states: '), error);
  }
}

function readAfterId(text: string): number {
  if (/^\d{0,15}$/.test(text)) return Number(text);
  throw invalid(`after_id: "${text}" is not the id of a call`);
}

function find(served: ReadonlyMap<string, DescMethod>, rpc: string): DescMethod {
  const method = served.get(rpc);
  if (method) return method;
  throw new ConnectError(`rpc: "${rpc}" is not served; the RPCs are ${[...served.keys()].join(', ')}`, Code.NotFound);
}

function invalid(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.InvalidArgument, undefined, undefined, cause);
}

function toProto({ id, method, name, answered }: StubState): MessageInitShape<typeof StubSchema> {
  return { id: String(id), rpc: nameOf(method), description: name, answered };
}
