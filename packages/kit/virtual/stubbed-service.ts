// A service that answers from stubs and contracts and records its calls, without the port or the transport that carries them.

import type { DescMethod, DescService, MessageShape, Registry } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { routeRpc } from '../base/route-rpc.ts';
import { nameOf } from '../base/rpc-name.ts';
import { loadInteractions } from '../contract/selected-interactions.ts';
import { exactJson } from '../matching/exact-json.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { type AnswerSources, answerCall } from './answer-call.ts';
import type { AnswerGenerator } from './generated-answers.ts';
import { type Call, Journal } from './journal.ts';
import { createReceived, type Received } from './received.ts';
import type { RequestLiteral } from './request-pattern.ts';
import type { RuleCheck } from './rule-check.ts';
import { createStub, type Stub } from './stub.ts';
import { StubRegistry, type StubState } from './stub-registry.ts';

/** What a service answers from. */
export type StubbedServiceOptions = {
  /** The services to implement: generated ones, or those of `loadSchema`. */
  readonly services: readonly DescService[];
  /** Types that messages may hold in a `google.protobuf.Any`, in addition to those of the services' files. */
  readonly types?: readonly KnownType[];
  /** Contracts that answer calls without a matching stub: a file, a folder, or a list of both. */
  readonly contract?: string | readonly string[];
  /** The provider states to use: interactions that need another state are left out. Default: all interactions. */
  readonly contractStates?: readonly string[];
  /** The initial state. Default `initial`. */
  readonly state?: string;
  /** How many requests the journal keeps. Default 10,000. Beyond that it drops the oldest calls. */
  readonly journalLimit?: number;
  /** Refuses requests that violate a rule of `buf.validate` as `invalid_argument`, before they are matched. Default `false`. */
  readonly enforceRules?: boolean;
  /**
   * Generates answers for calls that match no stub, of RPCs without an interaction: the same for the same request and seed. Default:
   * such calls are `unimplemented`.
   */
  readonly generate?: { readonly seed: number };
  /** Whether a request in JSON with a field that its message does not have is `invalid_argument`. Default: it is read without it. */
  readonly unknownJsonFields?: 'ignored' | 'refused';
};

/** A service that answers from stubs and contracts. */
export interface StubbedService {
  /** The services that it implements. */
  readonly services: readonly DescService[];
  /** The types that messages may hold in a `google.protobuf.Any`. */
  readonly registry: Registry;
  /** Its state. Stubs can depend on it (`when`) and change it (`becomes`), and the test can set it. */
  state: string;
  /**
   * Creates a stub for the requests that `match` matches; without it, for all requests. Values may be matchers. Of several
   * stubs that match a call, the most specific one answers. A stub for the same requests and states is replaced.
   *
   * @param method an RPC of the services, or its name, such as `greet.v1.GreetService/Greet`.
   * @throws {LiteralError} if `match` has a field or value that the request does not have.
   * @throws {Error} if the RPC is not served here.
   */
  stub<M extends DescMethod>(method: M | string, match?: RequestLiteral<M>): Stub<M>;
  /** Returns the stubs in the order in which they were created, with how often each answered. */
  stubs(): StubState[];
  /** Removes the stubs that `isRemoved` selects, and returns them. */
  removeStubs(isRemoved: (stub: StubState) => boolean): StubState[];
  /** Runs `change`, which creates and removes stubs. If it throws, the stubs are as before. */
  changeStubs<T>(change: () => T): T;
  /** The provider states that the interactions of its contracts have. */
  readonly knownContractStates: readonly string[];
  /** The selected provider states; `undefined` if all interactions answer. */
  readonly contractStates: readonly string[] | undefined;
  /**
   * Selects provider states, as the option `contractStates` does; without any, all interactions answer.
   *
   * @throws {ContractFileError} if no interaction is given one of the states.
   * @throws {Error} if it has no contract.
   */
  useContractStates(...states: string[]): void;
  /** Returns assertions about the calls received by one RPC, answered or not. */
  received<M extends DescMethod>(method: M | string): Received<M>;
  /** Returns the requests received by one RPC, in the order of arrival. */
  requests<M extends DescMethod>(method: M | string): MessageShape<M['input']>[];
  /** Returns the calls received by one RPC with their headers and outcomes, in the order of arrival. */
  calls<M extends DescMethod>(method: M | string): Call<M>[];
  /** Returns the calls of one RPC, or of all, in the order of arrival, and how many of them were dropped. */
  journal(method?: DescMethod | string): { readonly calls: readonly Call[]; readonly dropped: number };
  /** Returns the errors of calls that matched no stub, or several. Useful if the client under test swallows errors. */
  unmatchedRequests(): string[];
  /** Removes every stub and recorded call, and returns to the first state and contract states. Calls in flight are not affected. */
  reset(): void;
}

const DEFAULT_JOURNAL_LIMIT = 10_000;

/** The parts of a service, but for what applies the faults of stubs. */
export type StubbedServiceParts = {
  readonly services: readonly DescService[];
  /** The RPCs by name. */
  readonly served: ReadonlyMap<string, DescMethod>;
  readonly sources: Omit<AnswerSources, 'wire'>;
  readonly unknownJsonFields: 'ignored' | 'refused';
};

/** @throws {ContractFileError} if the contract is invalid or does not fit the services. */
export async function createParts(options: StubbedServiceOptions): Promise<StubbedServiceParts> {
  const { services, types = [], contract, contractStates: states, unknownJsonFields = 'ignored' } = options;
  const registry = createTypeRegistry([...services, ...types]);
  return {
    services,
    served: new Map(services.flatMap(({ methods }) => methods.map((method) => [nameOf(method), method]))),
    sources: {
      stubs: new StubRegistry(registry, options.state ?? 'initial'),
      contract:
        contract === undefined
          ? undefined
          : await loadInteractions(contract, { services, registry }, { states, option: 'contractStates' }),
      journal: new Journal(options.journalLimit ?? DEFAULT_JOURNAL_LIMIT),
      registry,
      checkRules: options.enforceRules ? await loadRuleCheck(registry) : undefined,
      generate: options.generate && (await loadGenerator(registry, options.generate.seed)),
    },
    unknownJsonFields,
  };
}

async function loadRuleCheck(registry: Registry): Promise<RuleCheck> {
  const { createRuleCheck } = await import('./rule-check.ts');
  return await createRuleCheck(registry);
}

// Generators are loaded only where they are used.
async function loadGenerator(registry: Registry, seed: number): Promise<AnswerGenerator> {
  const { createAnswerGenerator } = await import('./generated-answers.ts');
  return await createAnswerGenerator(registry, seed);
}

/** Registers the RPCs of a service. `sources` is called for each of their calls. */
export function routeParts(
  router: ConnectRouter,
  { served, sources: { registry }, unknownJsonFields }: StubbedServiceParts,
  sources: () => AnswerSources,
): void {
  for (const method of served.values()) {
    routeRpc(router, method, exactJson(method, registry, unknownJsonFields), (requests, context) =>
      answerCall(method, requests, context, sources()),
    );
  }
}

/** What applies the faults of stubs. */
type StubFaults = {
  /** Called with the RPC of a stub that has a fault, before its calls begin. */
  enable(method: DescMethod): void;
};

export class StubbedServiceBase implements StubbedService {
  readonly services: readonly DescService[];
  readonly #sources: StubbedServiceParts['sources'];
  readonly #served: ReadonlyMap<string, DescMethod>;
  readonly #faults: StubFaults;

  constructor({ services, served, sources }: StubbedServiceParts, faults: StubFaults) {
    this.services = services;
    this.#served = served;
    this.#sources = sources;
    this.#faults = faults;
  }

  get registry(): Registry {
    return this.#sources.registry;
  }

  get state(): string {
    return this.#sources.stubs.state;
  }

  set state(state: string) {
    this.#sources.stubs.state = state;
  }

  stub<M extends DescMethod>(method: M | string, match?: RequestLiteral<M>): Stub<M> {
    const { stubs } = this.#sources;
    const served = this.#find(method);
    const draft = stubs.create(served, match);
    return createStub<M>({
      method: served,
      restrict: (states) => draft.restrict(states),
      addStep: (step) => {
        if (step.fault) this.#faults.enable(served);
        draft.addStep(step);
      },
      amend: (change) => draft.amend(change),
    });
  }

  stubs(): StubState[] {
    return this.#sources.stubs.list();
  }

  removeStubs(isRemoved: (stub: StubState) => boolean): StubState[] {
    return this.#sources.stubs.remove(isRemoved);
  }

  changeStubs<T>(change: () => T): T {
    return this.#sources.stubs.atomically(change);
  }

  get knownContractStates(): readonly string[] {
    return this.#sources.contract?.knownStates ?? [];
  }

  get contractStates(): readonly string[] | undefined {
    return this.#sources.contract?.states;
  }

  useContractStates(...states: string[]): void {
    const { contract } = this.#sources;
    if (!contract) throw new Error('the virtual service has no contract, so it has no contract states');
    contract.use(states.length === 0 ? undefined : states);
  }

  received<M extends DescMethod>(method: M | string): Received<M> {
    const { journal, registry } = this.#sources;
    const served = this.#find(method);
    return createReceived({ method: served, calls: journal.of(served), dropped: journal.droppedOf(served), registry });
  }

  requests<M extends DescMethod>(method: M | string): MessageShape<M['input']>[] {
    return this.calls(method).flatMap(({ requests }) => requests);
  }

  calls<M extends DescMethod>(method: M | string): Call<M>[] {
    return this.#sources.journal.of(this.#find(method));
  }

  journal(method?: DescMethod | string): { readonly calls: readonly Call[]; readonly dropped: number } {
    const { journal } = this.#sources;
    if (method === undefined) return { calls: journal.all(), dropped: journal.dropped };
    const served = this.#find(method);
    return { calls: journal.of(served), dropped: journal.droppedOf(served) };
  }

  unmatchedRequests(): string[] {
    return this.#sources.journal
      .all()
      .filter(({ outcome }) => outcome === 'unmatched')
      .map(({ error }) => ConnectError.from(error).rawMessage);
  }

  reset(): void {
    const { stubs, journal, contract } = this.#sources;
    stubs.clear();
    journal.clear();
    contract?.reset();
  }

  #find<M extends DescMethod>(method: M | string): M {
    const name = typeof method === 'string' ? method : nameOf(method);
    const served = this.#served.get(name);
    if (!served) throw new Error(`${name} is not served here: its service is not in "services"`);
    // RPCs of the same name are the same on the wire, whether their descriptors were generated or loaded.
    return served as M;
  }
}
