// The exchanges that a replay answers with. Those with equal requests are one entry of the book, and answer in turn.

import type { Registry } from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import { type IncomingCall, InteractionRegistry, type Match } from '../contract/interaction-registry.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { writeHeaders } from '../matching/header-pattern.ts';
import { writePattern } from '../matching/write-pattern.ts';

/** A book whose interactions can have several answers: the recorded ones, in their order, then the last again. */
export class ReplayBook extends InteractionRegistry {
  readonly #turns: ReadonlyMap<RpcInteraction, RpcInteraction[]>;
  /** A conversation asks several times what it is answered; its turn is one. */
  readonly #taken = new WeakMap<IncomingCall, RpcInteraction>();

  constructor(interactions: readonly RpcInteraction[], registry: Registry) {
    const turns = groupByRequest(interactions, registry);
    super([...turns.keys()], { registry, ignoresDeadline: true });
    this.#turns = turns;
  }

  override match(call: IncomingCall): Match {
    const match = super.match(call);
    return { ...match, interaction: this.#takeTurn(match.interaction, call) };
  }

  override matchPartially(call: IncomingCall): RpcInteraction | undefined {
    const entry = super.matchPartially(call);
    return entry && this.#takeTurn(entry, call);
  }

  #takeTurn(entry: RpcInteraction, call: IncomingCall): RpcInteraction {
    const left = this.#turns.get(entry) ?? [];
    const turn = this.#taken.get(call) ?? (left.length > 1 ? left.shift() : left[0]) ?? entry;
    this.#taken.set(call, turn);
    return turn;
  }
}

function groupByRequest(
  interactions: readonly RpcInteraction[],
  registry: Registry,
): Map<RpcInteraction, RpcInteraction[]> {
  const entries = new Map<string, RpcInteraction>();
  const turns = new Map<RpcInteraction, RpcInteraction[]>();
  for (const interaction of interactions) {
    const key = requestKeyOf(interaction, registry);
    const entry = entries.get(key) ?? interaction;
    entries.set(key, entry);
    turns.set(entry, [...(turns.get(entry) ?? []), interaction]);
  }
  return turns;
}

/** Returns a text that is the same for two interactions when they are for the same calls. */
export function requestKeyOf({ method, requests, metadata }: RpcInteraction, registry: Registry): string {
  return JSON.stringify([
    nameOf(method),
    requests.map((pattern) => writePattern(pattern, registry)),
    writeHeaders(metadata),
  ]);
}
