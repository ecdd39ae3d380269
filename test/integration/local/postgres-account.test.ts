import { execFile } from 'node:child_process';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { findDatabaseAccount } from '#local/postgres/postgres-account.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';

const run = promisify(execFile);
const LOOK = 'fs.accessSync(process.argv[1], fs.constants.X_OK); console.log(process.getuid())';

it.each([0o700, 0o711])('is not root, and gets at its programs below a folder of mode %o', async (mode) => {
  await using folder = await createGuardedDirectory('touchstone-test');
  await chmod(folder.path, mode);
  const program = join(folder.path, 'program');
  await writeFile(program, '', { mode: 0o755 });
  const account = await findDatabaseAccount([process.execPath, program]);

  const { command, args, options } = account.invoke(process.execPath, ['-e', LOOK, program]);
  const { stdout } = await run(command, [...args], { ...options, cwd: '/' });

  expect(Number(stdout)).toBeGreaterThan(0);
});

it('owns what it is given', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  const account = await findDatabaseAccount([folder.path]);
  const { command, args, options } = account.invoke('id', ['-u']);
  const { stdout } = await run(command, [...args], { ...options, cwd: '/' });

  await account.own(folder.path);

  const { uid } = await stat(folder.path);
  expect(uid).toBe(Number(stdout));
});
