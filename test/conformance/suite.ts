// Connect's conformance suite on this machine: its program, and the protos of the same version, which Go keeps beside it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findGoProgram, readGoVariable } from '../support/go-programs.ts';
import { runProgram } from '../support/stack.ts';

const PROGRAM = 'connectconformance';
const MODULE = 'connectrpc.com/conformance';

export type Suite = { readonly program: string; readonly protos: string };

/** @throws {Error} saying how to install what is missing. */
export async function findSuite(): Promise<Suite> {
  const program = await findGoProgram(PROGRAM);
  const install = `go install ${MODULE}/cmd/${PROGRAM}@v1.0.7`;
  if (program === undefined) throw new Error(`${PROGRAM} is missing: ${install}`);
  const version = (await runProgram(program, ['--version'])).stdout.match(/v\d+\.\d+\.\d+/)?.[0];
  const protos = join((await readGoVariable('GOMODCACHE')) ?? '', `${MODULE}@${version}`, 'proto');
  if (!existsSync(protos)) throw new Error(`the protos of ${PROGRAM} ${version} are missing: ${install}`);
  return { program, protos };
}
