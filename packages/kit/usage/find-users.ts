// Who uses an element of a contract. Where a name may stand for several elements, all of them are meant: a user too many
// costs a question, one too few a broken consumer.

import type { BreakingFinding, ChangedElement } from './breaking-findings.ts';
import { type ConsumerUsage, ownerOf, ownNameOf, type TestUsage, type UsageKind, usageKinds, verbs } from './usage.ts';

/** One thing that one test has seen a consumer do with what is to change. */
export interface AffectedUse {
  readonly consumer: string;
  readonly provider: string;
  readonly file: string;
  readonly test: string;
  /** Such as `reads library.v1.Book.title`. */
  readonly use: string;
}

/** Returns every use that a finding is about. */
export function findUsers(
  element: ChangedElement,
  { path }: Pick<BreakingFinding, 'path'>,
  usage: ConsumerUsage,
): AffectedUse[] {
  const concerns = selectorOf(element, path, usage);
  return usage.tests.flatMap((test) => {
    const uses = usageKinds.flatMap((kind) =>
      test[kind].filter((name) => concerns(kind, name, test)).map((name) => ({ kind, name })),
    );
    // That a type is before a consumer goes without saying where it is told what the consumer does with it.
    const telling = uses.filter(({ kind }) => kind !== 'types');
    return (telling.length > 0 ? telling : uses).map(({ kind, name }) => toUse(usage, test, kind, name));
  });
}

function toUse(
  { consumer, provider }: ConsumerUsage,
  { file, test }: TestUsage,
  kind: UsageKind,
  name: string,
): AffectedUse {
  return { consumer, provider, file, test, use: `${verbs[kind]} ${name}` };
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
      types.includes(ownerOf(member)) ? isMeant(element, member, usage) : isEntryOf(member, element.type, path, usage),
    );
  const owners = new Set([...types, ...members.map(ownerOf)]);
  return (kind, name) =>
    kind === 'whole' ? owners.has(name) : (kind === 'sets' || kind === 'reads') && members.includes(name);
}

function isMeant(
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

// buf speaks of a map's values as the field of a message that nobody wrote: `copies_by_branch` is of `CopiesByBranchEntry`.
function isEntryOf(member: string, type: string, path: string | undefined, usage: ConsumerUsage): boolean {
  const words = ownNameOf(member).split('_');
  const entry = `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Entry`;
  const { file } = usage.types[ownerOf(member)] ?? {};
  return entry === type && (file === undefined || path === undefined || isBeside(file, path));
}

/**
 * Returns the used types that a finding's name may stand for: those in the finding's file, else those in files beside it,
 * for a type may have moved within its package; and those of which the file is not known.
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
    inFile.length > 0 ? inFile : named.filter(([, { file }]) => file !== undefined && isBeside(file, path ?? ''));
  return [...found, ...unplaced].map(([type]) => type);
}

// A path has the folders before the module's root, too.
function isInFile(file: string | undefined, path: string): boolean {
  return file !== undefined && (path === file || path.endsWith(`/${file}`));
}

function isBeside(file: string, path: string): boolean {
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
