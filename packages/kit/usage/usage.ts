// What consumers use of their providers, as it is kept: by test, with the names and numbers that findings go by.

/** What all consumers use. */
export interface Usage {
  readonly consumers: readonly ConsumerUsage[];
}

/** What one consumer uses of one provider. */
export interface ConsumerUsage {
  readonly consumer: string;
  readonly provider: string;
  /** The messages, enums and services that are used, by full name. */
  readonly types: Readonly<Record<string, UsedType>>;
  readonly tests: readonly TestUsage[];
}

/** Where a type is, and the numbers of those of its fields or values that are used. */
export interface UsedType {
  /** Such as `library/v1/library.proto`; missing where only the name is known, as of what is in an `Any`. */
  readonly file?: string;
  readonly numbers: Readonly<Record<string, number | 'oneof'>>;
}

/** How something is used; `types` has those that are there without a use of anything in them. */
export type UsageKind = 'calls' | 'sets' | 'reads' | 'whole' | 'values' | 'types';

/** What one test has seen its consumer use: full names, sorted. */
export interface TestUsage extends Readonly<Record<UsageKind, readonly string[]>> {
  /** The test's file. */
  readonly file: string;
  readonly test: string;
}

/** Each kind with the word for it: what a consumer does with an RPC, a field, a message, an enum value, a type. */
export const verbs: Readonly<Record<UsageKind, string>> = {
  calls: 'calls',
  sets: 'sets',
  reads: 'reads',
  whole: 'takes whole',
  values: 'has the value',
  types: 'uses',
};

export const usageKinds = Object.keys(verbs) as readonly UsageKind[];

/** Returns the full name of the type that a field, an enum value or an RPC is of. */
export function ownerOf(member: string): string {
  return member.slice(0, Math.max(member.lastIndexOf('.'), member.lastIndexOf('/')));
}

/** Returns a field's, an enum value's or an RPC's own name. */
export function ownNameOf(member: string): string {
  return member.slice(ownerOf(member).length + 1);
}
