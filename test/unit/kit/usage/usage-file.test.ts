// The usage file: it is merged from many test files, does not depend on their order, and is validated.
import { describe, expect, it } from 'vitest';
import {
  BookSchema,
  GetBookResponseSchema,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import type { ConsumerUsage } from '../../../../packages/kit/usage/usage.ts';
import { mergeUsage, parseUsage, renderUsage } from '../../../../packages/kit/usage/usage-file.ts';
import { recordEmma, usageOf } from './library-usage.ts';

const title = usageOf({ 'reads the title': (record) => recordEmma(record).title });
const copies = usageOf({
  'asks for copies': (record) => {
    record.call(LibraryService.method.getBook);
    return recordEmma(record).copies;
  },
});

function merge(...runs: { usage: ConsumerUsage; file?: string; isWhole?: boolean }[]): ConsumerUsage {
  const empty: ConsumerUsage = { consumer: 'Reader', provider: 'Library', types: {}, tests: [] };
  return runs.reduce((merged, { usage, file = 'reader.test.ts', isWhole = true }) => {
    const ofFile = { ...usage, tests: usage.tests.map((test) => ({ ...test, file })) };
    return parseUsage(renderUsage(mergeUsage(merged, ofFile, file, isWhole)), 'Reader-Library.json');
  }, empty);
}

const testsOf = ({ tests }: ConsumerUsage) => tests.map(({ file, test }) => `${file}: ${test}`);

describe('usage', () => {
  it('does not depend on the order of its tests', () => {
    const one = merge({ usage: title, file: 'a.test.ts' }, { usage: copies, file: 'b.test.ts' });
    const other = merge({ usage: copies, file: 'b.test.ts' }, { usage: title, file: 'a.test.ts' });

    expect(renderUsage(one)).toBe(renderUsage(other));
    expect(testsOf(one)).toEqual(['a.test.ts: reads the title', 'b.test.ts: asks for copies']);
    expect(one.types).toEqual({
      'library.v1.Book': { file: 'library/v1/library.proto', numbers: { copies: 4, title: 2 } },
      'library.v1.GetBookRequest': { file: 'library/v1/library.proto', numbers: {} },
      'library.v1.GetBookResponse': { file: 'library/v1/library.proto', numbers: {} },
      'library.v1.LibraryService': { file: 'library/v1/library.proto', numbers: {} },
    });
  });

  it('loses the deleted tests of a test file, and the fields that only they read', () => {
    const merged = merge({ usage: title }, { usage: copies, file: 'b.test.ts' }, { usage: copies });

    expect(testsOf(merged)).toEqual(['b.test.ts: asks for copies', 'reader.test.ts: asks for copies']);
    expect(merged.types['library.v1.Book']?.numbers).toEqual({ copies: 4 });
  });

  it('keeps the other tests of a test file if only some ran', () => {
    const merged = merge({ usage: title }, ...Array(2).fill({ usage: copies, isWhole: false }));

    expect(testsOf(merged)).toEqual(['reader.test.ts: asks for copies', 'reader.test.ts: reads the title']);
  });

  it('has all fields of a message that is read as a whole', () => {
    const { types } = merge({ usage: usageOf({ copies: (record) => ({ ...recordEmma(record) }) }) });

    expect(Object.keys(types['library.v1.Book']?.numbers ?? {})).toHaveLength(BookSchema.fields.length + 1);
    expect(types['library.v1.Book']?.numbers.place).toBe('oneof');
  });

  it('lists a type without reads, and no redundant names', () => {
    const { tests } = usageOf({
      both: (record) => {
        record.type(GetBookResponseSchema);
        return recordEmma(record).title;
      },
    });

    expect(tests[0]?.types).toEqual(['library.v1.GetBookResponse']);
  });

  it('is not merged into that of another provider', () => {
    expect(() => mergeUsage({ ...title, provider: 'Shop' }, title, 'reader.test.ts', true)).toThrow(
      'the usage is between Reader and Shop, not Reader and Library',
    );
  });

  it.each([
    ['{', 'is not JSON'],
    ['null', 'formatVersion is undefined, not 1'],
    ['{"formatVersion": "2"}', 'formatVersion is 2, not 1'],
    ['{"formatVersion": "10"}', 'formatVersion is 10, not 1'],
    ['{"formatVersion": "1", "consumer": "Reader"}', 'provider is missing'],
    ['{"formatVersion": "1", "consumer": "R", "provider": "L", "types": {}}', 'tests is not a list'],
    [
      '{"formatVersion": "1", "consumer": "R", "provider": "L", "types": {"a.B": {}}, "tests": []}',
      'types["a.B"].numbers',
    ],
    ['{"formatVersion": "1", "consumer": "R", "provider": "L", "types": {}, "tests": [{}]}', 'tests[0]: file or test'],
    [
      '{"formatVersion": "1", "consumer": "R", "provider": "L", "types": {}, "tests": [{"file": "a", "test": "b", "reads": "c"}]}',
      'tests[0].reads is not a list of names',
    ],
  ])('is not read from %s', (text, fault) => {
    expect(() => parseUsage(text, 'usage/R-L.json')).toThrow(`usage/R-L.json: ${fault}`);
  });
});
