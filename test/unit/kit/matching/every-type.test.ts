// Every scalar type of protobuf, as a field, in a list, in a wrapper and as the key of a map: compared, described and stored exactly.
import { create, fromBinary, fromJson, type JsonValue, type Message, toBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { createExample } from '../../../../packages/kit/matching/example-message.ts';
import { excludes } from '../../../../packages/kit/matching/excludes.ts';
import { matchMessage } from '../../../../packages/kit/matching/match-message.ts';
import { anyOf, like } from '../../../../packages/kit/matching/matchers.ts';
import { toMessage } from '../../../../packages/kit/matching/read-literal.ts';
import { readPattern } from '../../../../packages/kit/matching/read-pattern.ts';
import { type PatternJson, writePattern } from '../../../../packages/kit/matching/write-pattern.ts';
import { placeholderOf } from '../../../../packages/kit/recording/placeholders.ts';
import { ATOMS, KEYS, registry, SAMPLES, type Sample, ValuesSchema, WRAPPERS } from './every-type.ts';

function receive(init: Readonly<Record<string, unknown>>): Message {
  return fromBinary(ValuesSchema, toBinary(ValuesSchema, create(ValuesSchema, init)));
}

/** Returns the paths where a message that came over the wire differs from a literal. */
function pathsOf(literal: object, init: Readonly<Record<string, unknown>>, isClosed = false): string[] {
  const pattern = compilePattern(ValuesSchema, literal);
  return matchMessage(ValuesSchema, pattern, receive(init), { isClosed }).map(({ path }) => path);
}

/** Returns the example of a literal after its pattern was written to a contract file and read from it. */
function storedExample(literal: object): Message {
  const written = writePattern(compilePattern(ValuesSchema, literal), registry);
  const read = readPattern(ValuesSchema, JSON.parse(JSON.stringify(written)) as PatternJson, registry);
  return createExample(ValuesSchema, read);
}

const anyOfThese = (...values: unknown[]) => anyOf(...(values as [string]));
const wrapped = SAMPLES.filter(({ type }) => WRAPPERS[type] !== undefined);
const isBoolean = ({ type }: Sample): boolean => type === 'BOOL';

describe('a value of each scalar type', () => {
  it.each(SAMPLES)('is told from a value that is near it: $type', ({ type, value, near }) => {
    const name = `a${type}`;

    expect(pathsOf({ [name]: value }, { [name]: value })).toEqual([]);
    expect(pathsOf({ [name]: value }, { [name]: near })).toEqual([name]);
    expect(pathsOf({ [name]: near }, { [name]: value })).toEqual([name]);
    expect(pathsOf({ [name]: anyOfThese(near, value) }, { [name]: value })).toEqual([]);
    expect(pathsOf({ [name]: anyOfThese(near, near) }, { [name]: value })).toEqual([name]);
  });

  it.each(SAMPLES)('is excluded at a quick look only if it differs: $type', ({ type, value, near, unset }) => {
    const name = `a${type}`;
    const isExcluded = (literal: object, init: Readonly<Record<string, unknown>>) =>
      excludes(compilePattern(ValuesSchema, literal), receive(init));
    const isQuick = !/^(FLOAT|DOUBLE|BYTES)$/.test(type);

    expect(isExcluded({ [name]: value }, { [name]: value })).toBe(false);
    expect(isExcluded({ [name]: unset }, {})).toBe(false);
    expect(isExcluded({ [name]: like(near) }, { [name]: value })).toBe(false);
    expect([isExcluded({ [name]: value }, { [name]: near }), isExcluded({ [name]: value }, {})]).toEqual([
      isQuick,
      isQuick,
    ]);
  });

  it.each(SAMPLES)('is its default when it is not set: $type', (sample) => {
    const { type, value, unset } = sample;
    const name = `a${type}`;

    expect(pathsOf({ [name]: unset }, {})).toEqual([]);
    expect(pathsOf({ [name]: unset }, { [name]: value })).toEqual([name]);
    expect(pathsOf({ [name]: like(unset) }, {})).toEqual([]);
    expect(pathsOf({ [name]: like(unset) }, { [name]: value })).toEqual([]);
    expect(pathsOf({ [name]: like(value) }, {})).toEqual(isBoolean(sample) ? [] : [name]);
  });

  it.each(SAMPLES)('is the same in a list: $type', ({ type, value, near, unset }) => {
    const name = `all${type}`;
    const values = [value, near, unset];

    expect(pathsOf({ [name]: values }, { [name]: values })).toEqual([]);
    expect(pathsOf({ [name]: values }, { [name]: [near, near, value] })).toEqual([`${name}[0]`, `${name}[2]`]);
  });

  it.each(wrapped)(
    'differs from none in a wrapper, even if it is the default: $type',
    ({ type, value, near, unset }) => {
      const name = `wrapped${type}`;
      const wrap = (content: unknown) => ({ [name]: content });

      expect(pathsOf(wrap(value), wrap(value))).toEqual([]);
      expect(pathsOf(wrap(value), wrap(near))).toEqual([name]);
      expect(pathsOf(wrap(unset), wrap(unset))).toEqual([]);
      expect(pathsOf(wrap(unset), {})).toEqual([name]);
      expect(pathsOf(wrap(like(unset)), {})).toEqual([name]);
    },
  );

  it.each(SAMPLES)('is read from a contract file exactly: $type', ({ type, value, unset }) => {
    const literal = { [`a${type}`]: value, [`all${type}`]: [value, unset] };
    const wrapper = WRAPPERS[type] === undefined ? {} : { [`wrapped${type}`]: value };

    expect(storedExample({ ...literal, ...wrapper })).toEqual(create(ValuesSchema, { ...literal, ...wrapper }));
  });

  it.each(SAMPLES)('is written to a contract file as proto3 JSON writes it: $type', ({ type, value }) => {
    const wrapper = WRAPPERS[type] === undefined ? {} : { [`wrapped${type}`]: value };
    const literal = { [`a${type}`]: value, [`all${type}`]: [value], ...wrapper };
    const { message } = writePattern(compilePattern(ValuesSchema, literal), registry);

    expect(message).toEqual(toJson(ValuesSchema, create(ValuesSchema, literal)));
  });

  it.each(SAMPLES)('has a placeholder of its type that is not its default: $type', ({ type }) => {
    const field = ValuesSchema.fields.find(({ name }) => name === `a${type}`)!;
    const pattern = { kind: 'message' as const, fields: [{ field, pattern: placeholderOf(field, new Map()) }] };

    const example = createExample(ValuesSchema, pattern);

    expect(matchMessage(ValuesSchema, pattern, example, { isClosed: true })).toEqual([]);
    expect(pathsOf({}, example, true)).toEqual([`a${type}`]);
  });

  it.each(SAMPLES.filter(({ value }) => typeof value === 'bigint'))(
    'may be a text or a number in a literal in JSON: $type',
    ({ type, value }) => {
      const name = `a${type}`;

      expect(toMessage(ValuesSchema, { [name]: String(value) }, registry)).toEqual(receive({ [name]: value }));
      expect(toMessage(ValuesSchema, { [name]: 5 }, registry)).toEqual(receive({ [name]: 5n }));
    },
  );
});

describe('a value in a wrapper', () => {
  it.each(wrapped.filter(({ value }) => typeof value === 'bigint'))(
    'of 64 bits may be a number, unless that is rounded: $type',
    ({ type }) => {
      const name = `wrapped${type}`;

      expect(pathsOf({ [name]: 5 }, { [name]: 5n })).toEqual([]);
      expect(() => pathsOf({ [name]: 2 ** 53 }, {})).toThrow(`${name}: expected a value of`);
    },
  );

  it.each<[string, JsonValue]>([
    ['wrappedINT64', 2 ** 53],
    ['aINT64', 2 ** 53],
    ['allINT64', [2 ** 53]],
  ])('of 64 bits is refused in a contract file where it is rounded: %s', (name, value) => {
    expect(() => readPattern(ValuesSchema, { message: { [name]: value }, rules: {} }, registry)).toThrow(
      /^\w+(\[0\])?: 9007199254740992 is rounded as a number: write it as a text or a bigint$/,
    );
  });

  it('is read from a contract file whatever numbers doubles have', () => {
    const message = { aDOUBLE: 1e20, wrappedDOUBLE: 1e20, allINT64: [2 ** 53 - 1] };

    expect(createExample(ValuesSchema, readPattern(ValuesSchema, { message, rules: {} }, registry))).toMatchObject({
      aDOUBLE: 1e20,
      wrappedDOUBLE: 1e20,
      allINT64: [2n ** 53n - 1n],
    });
    expect(() => readPattern(ValuesSchema, { message: { aINT64: 1.5 }, rules: {} }, registry)).toThrow(
      'aINT64: 1.5 is no value of field types.v1.Values.aINT64',
    );
  });
});

describe('a message with a meaning of its own', () => {
  it('is refused with a path that is no text', () => {
    expect(() => pathsOf({ theFieldMask: { paths: ['title', 5] } }, {})).toThrow(
      'theFieldMask: expected a value of field types.v1.Values.theFieldMask, got {"paths":["title",5]}',
    );
  });

  it.each(ATOMS)('is one value, not the fields in it: $type', ({ type, json, other }) => {
    const name = `the${type}`;
    const [value, another] = [json, other].map((each) => fromJson(ValuesSchema, { [name]: each }) as never) as [
      never,
      never,
    ];

    expect(pathsOf({ [name]: value[name] }, value)).toEqual([]);
    expect(pathsOf({ [name]: value[name] }, another)).toEqual([name]);
    expect(pathsOf({ [name]: another[name] }, value)).toEqual([name]);
    expect(pathsOf({ [name]: like(value[name]) }, another)).toEqual([]);
    expect(pathsOf({ [name]: like(value[name]) }, {})).toEqual([name]);
  });

  it.each(ATOMS)('is in a contract file as proto3 JSON writes it: $type', ({ type, json }) => {
    const name = `the${type}`;
    const value = fromJson(ValuesSchema, { [name]: json });
    const { message } = writePattern(compilePattern(ValuesSchema, value), registry);

    expect(message).toEqual({ [name]: json });
    expect(storedExample(value)).toEqual(value);
  });
});

describe('a key of each type', () => {
  it.each(KEYS)('is told from a key that is near it: $type', ({ type, key, near }) => {
    const name = `by${type}`;
    const literal = { [name]: { [key]: 1 } };

    expect(pathsOf(literal, { [name]: { [key]: 1 } }, true)).toEqual([]);
    expect(pathsOf(literal, { [name]: { [near]: 1 } }, true)).toEqual([
      `${name}[${JSON.stringify(key)}]`,
      `${name}[${JSON.stringify(near)}]`,
    ]);
    expect(pathsOf({ [name]: like({ [key]: 1 }) }, { [name]: { [near]: 1 } })).toEqual([]);
  });

  it.each(KEYS)('is read from a contract file exactly: $type', ({ type, key, near }) => {
    const literal = { [`by${type}`]: { [key]: 1, [near]: 0 } };

    expect(storedExample(literal)).toEqual(receive(literal));
  });

  it.each(KEYS.filter(({ type }) => type !== 'STRING'))('is refused when it is no such key: $type', ({ type }) => {
    for (const key of ['x', '1.5', '', '1x', 'True', '01', '-0', '1'.padEnd(21, '0'), `-${'1'.padEnd(21, '0')}`]) {
      expect(() => compilePattern(ValuesSchema, { [`by${type}`]: { [key]: 1 } })).toThrow(
        `by${type}[${JSON.stringify(key)}]: is no key of this map`,
      );
    }
  });

  it.each([
    { type: 'INT32', keys: ['-2147483648', '2147483647'], outside: ['-2147483649', '2147483648'] },
    { type: 'UINT32', keys: ['0', '4294967295'], outside: ['-1', '4294967296'] },
    { type: 'FIXED32', keys: ['0', '4294967295'], outside: ['-1', '4294967296'] },
    { type: 'INT64', keys: ['-9223372036854775808', '9223372036854775807'], outside: ['9223372036854775808'] },
    { type: 'UINT64', keys: ['0', '18446744073709551615'], outside: ['-1', '18446744073709551616'] },
    { type: 'FIXED64', keys: ['0', '18446744073709551615'], outside: ['-1', '18446744073709551616'] },
  ])('is refused outside the range of its type: $type', ({ type, keys, outside }) => {
    const name = `by${type}`;
    const compile = (key: string) =>
      createExample(ValuesSchema, compilePattern(ValuesSchema, { [name]: { [key]: 1 } }));

    for (const key of keys) expect(compile(key)).toMatchObject({ [name]: { [key]: 1 } });
    for (const key of outside) expect(() => compile(key)).toThrow(`${name}["${key}"]: is no key of this map`);
  });
});
