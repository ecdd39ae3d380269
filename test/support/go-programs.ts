// Programs written in Go, where this machine has them; tests never install one.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './stack.ts';

/** Why the tests with grpcurl are skipped. */
export const GRPCURL_MISSING = 'grpcurl is not on the PATH nor in the bin folder of Go';

/** The path of a program on the PATH or in the bin folder of Go; undefined when there is none. */
export async function findGoProgram(name: string): Promise<string | undefined> {
  const folders = (process.env.PATH ?? '').split(':');
  const goPath = await readGoVariable('GOPATH');
  if (goPath !== undefined) folders.push(join(goPath, 'bin'));
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** The value of a variable of `go env`; undefined without Go. */
export async function readGoVariable(name: string): Promise<string | undefined> {
  // Go's own variables, such as GOPATH, say where its folders are.
  const settings = Object.entries(process.env).filter(([key]) => key.startsWith('GO'));
  const { exitCode, stdout } = await runProgram('go', ['env', name], Object.fromEntries(settings));
  return exitCode === 0 ? stdout.trim() : undefined;
}
