// The grpcurl program, where this machine has it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './stack.ts';

/** Why its tests are skipped. */
export const GRPCURL_MISSING = 'grpcurl is not on the PATH nor in the bin folder of Go';

/** The path of the program, or undefined; tests never install it. */
export async function findGrpcurl(): Promise<string | undefined> {
  const { exitCode, stdout } = await runProgram('go', ['env', 'GOPATH']);
  const folders = (process.env.PATH ?? '').split(':');
  if (exitCode === 0) folders.push(join(stdout.trim(), 'bin'));
  return folders.map((folder) => join(folder, 'grpcurl')).find((file) => existsSync(file));
}
