// Headers by name, whatever their case; those that are not spoken of do not matter.
import { describe, expect, it } from 'vitest';
import {
  compileHeaders,
  createExampleHeaders,
  type HeaderLiteral,
  matchHeaders,
  readHeaders,
  writeHeaders,
} from '../../../../packages/kit/matching/header-pattern.ts';
import { absent, anyOf, eachLike, fromState, like, regex } from '../../../../packages/kit/matching/matchers.ts';

const literal: HeaderLiteral = {
  'X-Tenant': 'north',
  'x-trace': regex(/^[0-9a-f]{4}$/, '0a1b'),
  'x-mode': anyOf('fast', 'slow'),
  'x-id': like('i1'),
  'x-debug': absent(),
};

function differencesOf(headers: Record<string, string>, expected = literal): string[] {
  const given = new Headers(headers);
  return matchHeaders(compileHeaders(expected, 'metadata'), (name) => given.get(name), 'metadata').map(
    ({ path, expected: wanted, actual }) => `${path}: ${wanted} / ${actual}`,
  );
}

describe('headers', () => {
  it('match by name and value, others among them', () => {
    const headers = { 'x-tenant': 'north', 'X-Trace': 'ffff', 'x-mode': 'slow', 'x-id': 'i2', 'x-more': '1' };

    expect(differencesOf(headers)).toEqual([]);
  });

  it('differ where one is missing, wrong or too many', () => {
    expect(differencesOf({ 'x-tenant': 'south', 'x-trace': 'xyz', 'x-id': '', 'x-debug': '1' })).toEqual([
      'metadata["x-debug"]: nothing / "1"',
      'metadata["x-id"]: a value like "i1" / ""',
      'metadata["x-mode"]: one of "fast", "slow" / nothing',
      'metadata["x-tenant"]: "north" / "south"',
      'metadata["x-trace"]: a text like /^[0-9a-f]{4}$/ / "xyz"',
    ]);
  });

  it.each([
    { name: 'x-tenant', near: ['northern', 'nort', 'North', ' north', ''] },
    { name: 'x-mode', near: ['faster', 'fas', 'Fast', 'fast, slow', ''] },
  ])('accept no value that is only near an accepted one: $name', ({ name, near }) => {
    const expected = { [name]: literal[name === 'x-tenant' ? 'X-Tenant' : name] } as HeaderLiteral;
    const patterns = compileHeaders(expected, 'metadata');

    for (const value of near) expect(matchHeaders(patterns, () => value, 'metadata')).toHaveLength(1);
  });

  it('have examples that they match', () => {
    expect(createExampleHeaders(compileHeaders(literal, 'metadata'))).toEqual({
      'x-id': 'i1',
      'x-mode': 'fast',
      'x-tenant': 'north',
      'x-trace': '0a1b',
    });
  });

  it('are read from a file as they were written', () => {
    const patterns = compileHeaders(literal, 'metadata');

    expect(readHeaders(JSON.parse(JSON.stringify(writeHeaders(patterns))), 'metadata')).toEqual(patterns);
    expect(() => readHeaders({ 'x-id': { match: 'rhymes' } }, 'metadata')).toThrow(
      'metadata["x-id"]: this version knows no rule "rhymes"',
    );
  });

  it('match an expression with its flags, also after they were read from a file', () => {
    const patterns = compileHeaders({ 'x-scheme': regex(/^bearer$/i, 'Bearer') }, 'metadata');
    const read = readHeaders(JSON.parse(JSON.stringify(writeHeaders(patterns))), 'metadata');

    for (const each of [patterns, read]) {
      expect(matchHeaders(each, () => 'BEARER', 'metadata')).toEqual([]);
      expect(matchHeaders(each, () => 'BASIC', 'metadata')).toHaveLength(1);
    }
  });

  it('may have a value of a provider state, also after they were read from a file', () => {
    const patterns = compileHeaders({ 'x-reader': fromState('reader', 'r1') }, 'metadata');
    const written = writeHeaders(patterns);

    expect(written).toEqual({ 'x-reader': { match: 'fromState', name: 'reader', example: 'r1' } });
    expect(readHeaders(written, 'metadata')).toEqual(patterns);
    expect(createExampleHeaders(patterns)).toEqual({ 'x-reader': 'r1' });
    expect(matchHeaders(patterns, () => 'r2', 'metadata')).toEqual([
      { path: 'metadata["x-reader"]', expected: '"r1"', actual: '"r2"' },
    ]);
  });

  it('are texts', () => {
    expect(() => compileHeaders({ 'x-id': 5 } as never, 'metadata')).toThrow(
      'metadata["x-id"]: expected a text, got 5',
    );
    expect(() => compileHeaders({ 'x-id': eachLike('x') } as never, 'metadata')).toThrow('this matcher is for no text');
    expect(() => compileHeaders({ 'x-id': fromState('id', 5) } as never, 'metadata')).toThrow(
      'metadata["x-id"]: this matcher is for no text',
    );
  });
});
