// The text of the test that `kit init` writes.
import { describe, expect, it } from 'vitest';
import { writeFirstContract } from '../../../../packages/kit/contract/first-contract.ts';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

const options = {
  ...{ consumer: "Reader's app", provider: 'Library', descriptors: 'proto\\x', directory: 'contracts' },
  method: LibraryService.method.lendBook,
};

describe('a first contract test', () => {
  it('has an example of each plain field, and names that JavaScript can read', () => {
    const text = writeFirstContract({ ...options, runner: 'node' });

    expect(text).toContain("loadSchema('proto\\\\x')");
    expect(text).toContain("contract('Reader\\'s app', 'Library', { directory: 'contracts', services })");
    expect(text).toMatch(/const request = \{ bookId: 'text', memberId: 'text'.* \};/);
    expect(text).toContain('await client.lendBook(request);');
  });

  it.each([
    { runner: 'node', line: "import { test } from 'node:test';" },
    { runner: 'vitest', line: "import { test } from 'vitest';" },
  ] as const)('takes the function of $runner', ({ runner, line }) => {
    expect(writeFirstContract({ ...options, runner })).toContain(line);
  });

  it('takes the global function of jest', () => {
    expect(writeFirstContract({ ...options, runner: 'jest' })).not.toContain('import { test }');
  });
});
