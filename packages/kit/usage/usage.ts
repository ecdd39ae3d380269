// The usage of consumers, as it is stored: by test, with the names and numbers by which findings identify elements.

/** The usage of all consumers. */
export type Usage = {
  readonly consumers: readonly ConsumerUsage[];
};

/** The usage of one consumer of one provider. */
export type ConsumerUsage = {
  readonly consumer: string;
  readonly provider: string;
  /** The used messages, enums and services, by full name. */
  readonly types: Readonly<Record<string, UsedType>>;
  readonly tests: readonly TestUsage[];
};

/** The file of a type, and the numbers of its used fields or values. */
export type UsedType = {
  /** Such as `library/v1/library.proto`; undefined if only the name is known, as for unknown content of an `Any`. */
  readonly file?: string;
  readonly numbers: Readonly<Record<string, number | 'oneof'>>;
};

/** How an element is used. `types` are received or sent without a use of their members. */
export type UsageKind = 'calls' | 'sets' | 'reads' | 'whole' | 'values' | 'types';

/** The usage in one test: full names, sorted. */
export type TestUsage = Readonly<Record<UsageKind, readonly string[]>> & {
  /** The test file. */
  readonly file: string;
  readonly test: string;
};

/** The verb of each kind in reports: what a consumer does with an RPC, a field, a message, an enum value or a type. */
export const USAGE_VERBS: Readonly<Record<UsageKind, string>> = {
  calls: 'calls',
  sets: 'sets',
  reads: 'reads',
  whole: 'reads all of',
  values: 'has the value',
  types: 'uses',
};

export const USAGE_KINDS = Object.keys(USAGE_VERBS) as readonly UsageKind[];

/** Returns the full name of the type of a field, an enum value or an RPC. */
export function ownerOf(member: string): string {
  return member.slice(0, Math.max(member.lastIndexOf('.'), member.lastIndexOf('/')));
}

/** Returns the name of a field, an enum value or an RPC without its type. */
export function ownNameOf(member: string): string {
  return member.slice(ownerOf(member).length + 1);
}
