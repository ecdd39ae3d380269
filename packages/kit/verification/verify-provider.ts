// The provider's side of a contract: the real service, brought into each state, is called as its consumers call it.

import type { DescService, JsonObject, Registry } from '@bufbuild/protobuf';
import type { ClientTls } from '../base/client-tls.ts';
import { ResourceStack } from '../base/resource-stack.ts';
import { assertPlaintext, assertTrusted } from '../base/upstream-certificate.ts';
import type { ContractDocument, InteractionJson } from '../contract-file/contract-document.ts';
import { ContractFileError } from '../contract-file/contract-document.ts';
import { loadContracts } from '../contract-file/contract-store.ts';
import { type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import { digestOf } from '../contract-file/interaction-digest.ts';
import { readInteraction } from '../contract-file/interaction-json.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { judgeReply } from './judge-reply.ts';
import { assertHandled, inStates, StateError, type StateHandlers } from './provider-states.ts';
import { replay } from './replay.ts';
import { withStateValues } from './state-values.ts';
import { type Check, createVerification, type Verification, type VerifiedInteraction } from './verification.ts';
import { canCarry, type OpenWire, type Wire, type WireName, wires } from './wire.ts';

/** What `verifyProvider` verifies, and how it gets there. */
export type VerifyOptions = {
  /** Contract files, folders of them, or both. */
  readonly contracts: string | readonly string[];
  /** Only contracts with this provider. Default: all. */
  readonly provider?: string;
  /** Where the provider listens, such as `http://127.0.0.1:50052`. */
  readonly url: string;
  /** The provider's services. */
  readonly services: readonly DescService[];
  /** Types that messages may hold in a `google.protobuf.Any` or an error in its details, beyond those in the services' files. */
  readonly types?: readonly KnownType[];
  /** What brings the provider into each state that its consumers speak of. */
  readonly states?: StateHandlers;
  /** Only these ways to call. Default: all. */
  readonly wires?: readonly WireName[];
  /** Headers of every call in addition to those that the consumers send, such as a token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How an https provider is called. */
  readonly tls?: ClientTls;
  /** How long a call may take whose consumer sets no deadline, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
};

const DEFAULT_TIMEOUT_MS = 5000;

/**
 * Replays every RPC of the contracts in every protocol and HTTP version, each time in freshly set up states. Events are
 * left to `verifyEvents`.
 *
 * @returns what came of each; a contract that the services no longer fit is a check that failed.
 * @throws {ContractFileError} when a file cannot be read or there is nothing to verify, StateError when a state has no
 *   handler, TypeError when a name in `wires` is none, ProviderUnreachableError when its certificate is not trusted or only one
 *   side speaks TLS.
 */
export async function verifyProvider(options: VerifyOptions): Promise<Verification> {
  const registry = createTypeRegistry([...options.services, ...(options.types ?? [])]);
  const planned = planChecks(await selectDocuments(options), options.services, registry);
  if (planned.length === 0) {
    const whose = options.provider === undefined ? '' : ` of ${options.provider}`;
    throw new ContractFileError(`${[options.contracts].flat().join(', ')}: there is no RPC${whose} to verify`);
  }
  const readable = planned.flatMap(({ interaction }) => (interaction ? [interaction] : []));
  assertHandled(readable, options.states ?? {});
  const chosen = chooseWires(options.wires);
  await assertTrusted(options.url, options.tls);
  await using opened = new ResourceStack();
  const opening = { registry, ...(options.tls && { tls: options.tls }) };
  const transports = new Map(chosen.map((wire) => [wire, opened.use(wire.open(options.url, opening))]));
  const verified: VerifiedInteraction[] = [];
  // One after the other: the states are those of one provider.
  for (const plan of planned) verified.push(await verifyOne(plan, transports, options, registry));
  const hasPassed = verified.some(({ checks }) =>
    checks.some(({ differences, fault }) => differences.length === 0 && fault === undefined),
  );
  if (!hasPassed) await assertPlaintext(options.url);
  return createVerification(verified);
}

async function selectDocuments({ contracts, provider }: VerifyOptions): Promise<ContractDocument[]> {
  const loaded = await loadContracts(contracts);
  return loaded
    .map(({ document }) => document)
    .filter((document) => provider === undefined || document.provider.name === provider);
}

type Plan = {
  readonly consumer: string;
  readonly provider: string;
  readonly json: InteractionJson;
  readonly interaction: RpcInteraction | undefined;
  /** Why the interaction does not fit the services. */
  readonly fault: string | undefined;
};

function planChecks(
  documents: readonly ContractDocument[],
  services: readonly DescService[],
  registry: Registry,
): Plan[] {
  return documents.flatMap(({ consumer, provider, interactions }) =>
    interactions
      .filter(({ type }) => type !== 'Asynchronous/Messages')
      .map((json): Plan => {
        const parties = { consumer: consumer.name, provider: provider.name, json };
        try {
          const interaction = readInteraction(json, { services, registry }) as RpcInteraction;
          return { ...parties, interaction, fault: undefined };
        } catch (error) {
          // The provider's schema has lost what a consumer relies on: a finding, not a mistake of the caller.
          return { ...parties, interaction: undefined, fault: (error as Error).message };
        }
      }),
  );
}

function chooseWires(names: readonly WireName[] | undefined): Wire[] {
  const unknown = names?.find((name) => !wires.some((wire) => wire.name === name));
  if (unknown !== undefined) {
    throw new TypeError(`wires: "${unknown}" is none of ${wires.map(({ name }) => name).join('; ')}`);
  }
  return wires.filter(({ name }) => names === undefined || names.includes(name));
}

async function verifyOne(
  { consumer, provider, json, interaction, fault }: Plan,
  transports: ReadonlyMap<Wire, OpenWire>,
  options: VerifyOptions,
  registry: Registry,
): Promise<VerifiedInteraction> {
  if (!interaction) {
    const checks = [{ wire: 'schema', differences: [], fault }];
    return { consumer, provider, title: json.description, digest: digestOf(json), checks };
  }
  const checks: Check[] = [];
  for (const [wire, { transport }] of transports) {
    if (!canCarry(wire, interaction.method)) continue;
    const { headers = {}, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    checks.push(
      await check(wire, () =>
        inStates(interaction.states, options.states ?? {}, async (values) => {
          const injected = inject(interaction, values, registry);
          return judgeReply(injected, await replay(injected, { transport, headers, timeoutMs }), registry);
        }),
      ),
    );
  }
  return { consumer, provider, title: titleOf(interaction), digest: digestOf(json), checks };
}

function inject(interaction: RpcInteraction, values: JsonObject, registry: Registry): RpcInteraction {
  try {
    return withStateValues(interaction, values, registry);
  } catch (error) {
    throw new StateError(`values of the states: ${(error as Error).message}`, { cause: error });
  }
}

async function check(wire: Wire, judge: () => Promise<Check['differences']>): Promise<Check> {
  try {
    return { wire: wire.name, differences: await judge(), fault: undefined };
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return { wire: wire.name, differences: [], fault: error.message };
  }
}
