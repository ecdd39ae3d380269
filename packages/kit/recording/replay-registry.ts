// The registry of the exchanges of a replay. Exchanges with equal requests are one entry and answer in turn.

import type { Registry } from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import { type IncomingCall, InteractionRegistry } from '../contract/interaction-registry.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { writeHeaders } from '../matching/header-pattern.ts';
import { writePattern } from '../matching/write-pattern.ts';

/** A registry of interactions with several answers: the recorded ones in their order, then the last one again. */
export class ReplayRegistry extends InteractionRegistry {
  readonly #turns: ReadonlyMap<RpcInteraction, RpcInteraction[]>;
  /** A conversation is matched with every request, but takes only one turn. */
  readonly #taken = new WeakMap<IncomingCall, RpcInteraction>();

  constructor(interactions: readonly RpcInteraction[], registry: Registry) {
    const turns = groupByRequest(interactions, registry);
    super([...turns.keys()], { registry, ignoresDeadline: true });
    this.#turns = turns;
  }

  override match(call: IncomingCall): RpcInteraction {
    return this.#takeTurn(super.match(call), call);
  }

  // What calls this may still leave the call to `match`, which takes its turn.
  override tryMatch(): undefined {
    return undefined;
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

/** Returns a key that is equal for interactions with equal calls. */
export function requestKeyOf({ method, requests, metadata }: RpcInteraction, registry: Registry): string {
  return JSON.stringify([
    nameOf(method),
    requests.map((pattern) => writePattern(pattern, registry)),
    writeHeaders(metadata),
  ]);
}
