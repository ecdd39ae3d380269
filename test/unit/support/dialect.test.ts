// The dialect rule finds interfaces that no class implements.
import { expect, it } from 'vitest';
import { findLoneInterfaces } from '../../support/vocabulary/find-interfaces.ts';

const find = (...texts: string[]) =>
  findLoneInterfaces(texts.map((text, index) => ({ path: `${index}.ts`, text }))).map(
    ({ path, line, name }) => `${path}:${line} ${name}`,
  );

it('reports an interface that describes data', () => {
  expect(find('const a = 1;\nexport interface Order {\n  id: string;\n}')).toEqual(['0.ts:2 Order']);
});

it('accepts an interface that a class of any file implements', () => {
  expect(find('export interface Relay {}', 'class Http2Relay implements Disposable, Relay {}')).toEqual([]);
});

it('accepts an interface that an implemented one extends', () => {
  expect(find('interface Target {}\ninterface Call extends Target {}', 'class Http1Call implements Call {}')).toEqual(
    [],
  );
});

it('accepts types', () => {
  expect(find('export type Order = { readonly id: string };')).toEqual([]);
});
