// Commands whose output is read by a program that ends first, such as `head`.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = new URL('../../..', import.meta.url);

it.each([
  'local/commands/order.ts',
  'local/commands/traffic.ts',
  'local/commands/dead-letters.ts',
  'local/commands/token.ts',
  'test/support/verify.ts',
  'test/bench/growth/main.ts',
])('%s ends without a word when its reader has ended', async (program) => {
  const pipeline = 'node "$0" --help | true';

  const { stderr } = await promisify(execFile)('sh', ['-c', pipeline, program], { cwd: ROOT });

  expect(stderr).toBe('');
});
