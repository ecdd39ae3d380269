// What is measured: who runs the steps of an order, and over which participants. Pure.

/** Who runs the steps. */
export const ENGINES = ['loop', 'restate', 'dbos', 'ours'] as const;
export type Engine = (typeof ENGINES)[number];

/** Whose RPCs the steps are: the minimal participant's, or those of this project's inventory and payment services. */
export const SETTINGS = ['participant', 'services'] as const;
export type Setting = (typeof SETTINGS)[number];

/** Ours is the whole platform, the same beside both settings. */
export type System =
  | { readonly engine: Exclude<Engine, 'ours'>; readonly setting: Setting }
  | { readonly engine: 'ours'; readonly setting?: undefined };

/** Returns the systems of these engines in these settings; ours comes last, once. */
export function listSystems(engines: readonly Engine[], settings: readonly Setting[]): System[] {
  const peers = ENGINES.filter((engine) => engine !== 'ours').filter((engine) => engines.includes(engine));
  return [
    ...settings.flatMap((setting) => peers.map((engine): System => ({ engine, setting }))),
    ...(engines.includes('ours') ? [{ engine: 'ours' } as const] : []),
  ];
}

/**
 * Returns the order of a round, from 1: each round begins with another system, and every second one goes the other way, so that no
 * system always follows the same other one.
 */
export function orderOfRound(systems: readonly System[], round: number): System[] {
  const first = (round - 1) % systems.length;
  const rotated = [...systems.slice(first), ...systems.slice(0, first)];
  return round % 2 === 0 ? rotated.toReversed() : rotated;
}

const ENGINE_NAMES: Readonly<Record<Engine, string>> = {
  loop: 'plain loop',
  restate: 'Restate',
  dbos: 'DBOS',
  ours: 'ours',
};
const SETTING_NAMES: Readonly<Record<Setting, string>> = { participant: 'the participant', services: 'our services' };

/** Like `Restate over the participant`. */
export function describeSystem({ engine, setting }: System): string {
  return setting === undefined ? ENGINE_NAMES[engine] : `${ENGINE_NAMES[engine]} over ${SETTING_NAMES[setting]}`;
}

export function isSameSystem(one: System, other: System): boolean {
  return one.engine === other.engine && one.setting === other.setting;
}
