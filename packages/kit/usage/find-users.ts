// The search for the consumers that use an element of a contract. If a name is ambiguous, all elements of that name are searched: one
// consumer too many only costs a question, one too few breaks a consumer.

import type { BreakingFinding, ChangedElement } from './breaking-findings.ts';
import {
  type ConsumerUsage,
  ownerOf,
  ownNameOf,
  type TestUsage,
  USAGE_KINDS,
  USAGE_VERBS,
  type UsageKind,
} from './usage.ts';

/** One use of a changed element by a consumer in a test. */
export type AffectedUse = {
  readonly consumer: string;
  readonly provider: string;
  readonly file: string;
  readonly test: string;
  /** Such as `reads library.v1.Book.title`. */
  readonly use: string;
};

/** Returns every use of the element of a finding. */
export function findUsers(
  element: ChangedElement,
  { path }: Pick<BreakingFinding, 'path'>,
  usage: ConsumerUsage,
): AffectedUse[] {
  const concerns = selectorOf(element, path, usage);
  return usage.tests.flatMap((test) => {
    const uses = USAGE_KINDS.flatMap((kind) =>
      test[kind].filter((name) => concerns(kind, name, test)).map((name) => ({ kind, name })),
    );
    // A type without a use of its members is only listed if the test has no more specific use.
    const specific = uses.filter(({ kind }) => kind !== 'types');
    return (specific.length > 0 ? specific : uses).map(({ kind, name }) => toUse(usage, test, kind, name));
  });
}

function toUse(
  { consumer, provider }: ConsumerUsage,
  { file, test }: TestUsage,
  kind: UsageKind,
  name: string,
): AffectedUse {
  return { consumer, provider, file, test, use: `${USAGE_VERBS[kind]} ${name}` };
}

type Selector = (kind: UsageKind, name: string, test: TestUsage) => boolean;

function selectorOf(element: ChangedElement, path: string | undefined, usage: ConsumerUsage): Selector {
  switch (element.kind) {
    case 'file':
      return (kind, name) => isInFile(usage.types[typeOf(kind, name)]?.file, element.path);
    case 'package':
      return (kind, name) => isInPackage(typeOf(kind, name), element.package);
    case 'type':
    case 'service': {
      const types = typesNamed(element.type, element.package, path, usage, 'with nested');
      return (kind, name) => types.includes(typeOf(kind, name));
    }
    case 'rpc': {
      const services = typesNamed(element.type, undefined, path, usage);
      return (kind, name) => kind === 'calls' && ownNameOf(name) === element.name && services.includes(ownerOf(name));
    }
    case 'enum value': {
      const types = typesNamed(element.type, undefined, path, usage);
      return (kind, name) =>
        kind === 'values' && types.includes(ownerOf(name)) && numberOf(name, usage) === element.number;
    }
    default:
      return memberSelectorOf(element, path, usage);
  }
}

function memberSelectorOf(
  element: Extract<ChangedElement, { kind: 'field' | 'oneof member' | 'oneof' }>,
  path: string | undefined,
  usage: ConsumerUsage,
): Selector {
  const types = typesNamed(element.type, undefined, path, usage);
  const members = Object.entries(usage.types)
    .flatMap(([type, { numbers }]) => Object.keys(numbers).map((name) => `${type}.${name}`))
    .filter((member) =>
      types.includes(ownerOf(member))
        ? isSameMember(element, member, usage)
        : isEntryOf(member, element.type, path, usage),
    );
  const owners = new Set([...types, ...members.map(ownerOf)]);
  return (kind, name) =>
    kind === 'whole' ? owners.has(name) : (kind === 'sets' || kind === 'reads') && members.includes(name);
}

function isSameMember(
  element: Extract<ChangedElement, { kind: 'field' | 'oneof member' | 'oneof' }>,
  member: string,
  usage: ConsumerUsage,
): boolean {
  const number = numberOf(member, usage);
  switch (element.kind) {
    case 'oneof':
      return ownNameOf(member) === element.name;
    case 'oneof member':
      return number === 'oneof' || number === element.number;
    default:
      return number === element.number || ownNameOf(member) === element.name;
  }
}

// buf reports the values of a map as a field of its generated entry message: for `copies_by_branch` it is `CopiesByBranchEntry`.
function isEntryOf(member: string, type: string, path: string | undefined, usage: ConsumerUsage): boolean {
  const words = ownNameOf(member).split('_');
  const entry = `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Entry`;
  const { file } = usage.types[ownerOf(member)] ?? {};
  return entry === type && (file === undefined || path === undefined || isInSameFolder(file, path));
}

/**
 * Returns the used types to which the name of a finding may refer: those in the file of the finding, or else in another file of its
 * folder, because a type may have moved within its package; and those whose file is not known.
 */
function typesNamed(
  name: string,
  ofPackage: string | undefined,
  path: string | undefined,
  { types }: ConsumerUsage,
  extent?: 'with nested',
): string[] {
  if (ofPackage !== undefined)
    return Object.keys(types).filter((type) => isInPackage(`${type}.`, `${ofPackage}.${name}`));
  const isNamed = (type: string) =>
    extent === 'with nested' ? `.${type}.`.includes(`.${name}.`) : `.${type}`.endsWith(`.${name}`);
  const named = Object.entries(types).filter(([type]) => isNamed(type));
  const unplaced = named.filter(([, { file }]) => file === undefined);
  const inFile = named.filter(([, { file }]) => isInFile(file, path ?? ''));
  const found =
    inFile.length > 0 ? inFile : named.filter(([, { file }]) => file !== undefined && isInSameFolder(file, path ?? ''));
  return [...found, ...unplaced].map(([type]) => type);
}

// The path of a finding also contains the folders above the root of the module.
function isInFile(file: string | undefined, path: string): boolean {
  return file !== undefined && (path === file || path.endsWith(`/${file}`));
}

function isInSameFolder(file: string, path: string): boolean {
  const folderOf = (of: string) => of.slice(0, Math.max(0, of.lastIndexOf('/')));
  return folderOf(path) === folderOf(file) || folderOf(path).endsWith(`/${folderOf(file)}`);
}

function isInPackage(type: string, name: string): boolean {
  return type.startsWith(`${name}.`);
}

function typeOf(kind: UsageKind, name: string): string {
  return kind === 'types' || kind === 'whole' ? name : ownerOf(name);
}

function numberOf(member: string, { types }: ConsumerUsage): number | 'oneof' | undefined {
  return types[ownerOf(member)]?.numbers[ownNameOf(member)];
}
