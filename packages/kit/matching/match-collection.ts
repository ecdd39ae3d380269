// The comparison of lists and maps with a pattern. Elements of an unordered list are paired by maximum bipartite matching.

import type { ReflectList, ReflectMap } from '@bufbuild/protobuf/reflect';
import { countElements, describePattern } from './describe-value.ts';
import { type Difference, elementPath, entryPath, fewestDifferences } from './difference.ts';
import { type MatchContext, matchValue } from './match-value.ts';
import type { EntryPattern, Pattern } from './pattern.ts';
import { type ListField, type MapField, toMapKey, valueTypeOf } from './value-type.ts';

/** Returns the differences between a list or map, in its reflected form, and what `pattern` accepts. */
export function matchCollection(
  field: ListField | MapField,
  pattern: Pattern,
  value: unknown,
  context: MatchContext,
  path: string,
): Difference[] {
  if (field.fieldKind === 'map') return matchMap(field, pattern, value as ReflectMap, context, path);
  const actual = [...(value as ReflectList)];
  const match: MatchElement = (expected, element, index) =>
    matchValue(valueTypeOf(field), expected, element, context, elementPath(path, index));
  if (pattern.kind === 'each') {
    return [
      ...differentSize(actual.length, pattern.least, pattern.most ?? Number.POSITIVE_INFINITY, path, () =>
        describePattern(valueTypeOf(field), pattern),
      ),
      ...actual.flatMap((element, index) => match(pattern.element, element, index)),
    ];
  }
  if (pattern.kind !== 'list') return [];
  const { length } = pattern.elements;
  const size = differentSize(actual.length, length, length, path, () => countElements(length));
  return [...size, ...(pattern.isOrdered ? matchInOrder : matchInAnyOrder)(pattern.elements, actual, match)];
}

type MatchElement = (expected: Pattern, element: unknown, index: number) => Difference[];

function matchInOrder(expected: readonly Pattern[], actual: readonly unknown[], match: MatchElement): Difference[] {
  return expected.slice(0, actual.length).flatMap((pattern, index) => match(pattern, actual[index], index));
}

// An expected element without a partner is compared with the actual elements that have none, and the nearest is reported.
function matchInAnyOrder(expected: readonly Pattern[], actual: readonly unknown[], match: MatchElement): Difference[] {
  const fits = expected.map((pattern) => actual.map((element, index) => match(pattern, element, index).length === 0));
  const partners = pairUp(fits);
  const free = actual.map((_, index) => index).filter((index) => !partners.includes(index));
  return expected.flatMap((pattern, row) => {
    if (partners[row] !== undefined) return [];
    return fewestDifferences(free.map((index) => match(pattern, actual[index], index))) ?? [];
  });
}

/** Returns for each row the column it is paired with: as many pairs as there can be, by augmenting paths. */
function pairUp(fits: readonly (readonly boolean[])[]): (number | undefined)[] {
  const rowOfColumn = new Map<number, number>();
  const place = (row: number, tried: Set<number>): boolean =>
    (fits[row] ?? []).some((isFit, column) => {
      if (!isFit || tried.has(column)) return false;
      tried.add(column);
      const holder = rowOfColumn.get(column);
      if (holder !== undefined && !place(holder, tried)) return false;
      rowOfColumn.set(column, row);
      return true;
    });
  for (const row of fits.keys()) place(row, new Set());
  const partners: (number | undefined)[] = fits.map(() => undefined);
  for (const [column, row] of rowOfColumn) partners[row] = column;
  return partners;
}

function matchMap(
  field: MapField,
  pattern: Pattern,
  actual: ReflectMap,
  context: MatchContext,
  path: string,
): Difference[] {
  const type = valueTypeOf(field);
  const matchEntry = ({ key, pattern: expected }: EntryPattern): Difference[] => {
    const within = entryPath(path, key);
    const mapKey = toMapKey(field, key);
    if (!actual.has(mapKey)) return [{ path: within, expected: describePattern(type, expected), actual: 'nothing' }];
    return matchValue(type, expected, actual.get(mapKey), context, within);
  };
  if (pattern.kind === 'eachEntry') {
    const size = differentSize(actual.size, 1, Number.POSITIVE_INFINITY, path, () => describePattern(type, pattern));
    const keys = [...actual.keys()].map(String);
    return [...size, ...keys.flatMap((key) => matchEntry({ key, pattern: pattern.example.pattern }))];
  }
  if (pattern.kind !== 'map') return [];
  const stated = new Set(pattern.entries.map(({ key }) => key));
  const more = context.isClosed ? [...actual.keys()].map(String).filter((key) => !stated.has(key)) : [];
  return [
    ...pattern.entries.flatMap(matchEntry),
    ...more.map((key) => ({ path: entryPath(path, key), expected: 'nothing', actual: 'an entry' })),
  ];
}

function differentSize(
  size: number,
  least: number,
  most: number,
  path: string,
  describeExpected: () => string,
): Difference[] {
  if (size >= least && size <= most) return [];
  return [{ path, expected: describeExpected(), actual: countElements(size) }];
}
