// The command `kit init`: it writes a first contract test, which passes.

import { readFile, writeFile } from 'node:fs/promises';
import type { DescMethod } from '@bufbuild/protobuf';
import { type Command, Option } from 'commander';
import { nameOf } from '../base/rpc-name.ts';
import { RUN, type Runner, writeFirstContract } from '../contract/first-contract.ts';
import { fileNameOf } from '../contract-file/contract-document.ts';
import type { Schema } from '../schema/load-schema.ts';
import { OptionError, readOption } from './common/option-error.ts';
import { DESCRIPTORS_HELP, readSchema } from './common/options.ts';
import type { Session } from './common/session.ts';

type InitOptions = {
  readonly consumer: string;
  readonly provider: string;
  readonly rpc?: string;
  readonly runner?: Runner;
  readonly directory: string;
  readonly out: string;
};

const RUNNERS: readonly Runner[] = ['vitest', 'jest', 'node'];

const HELP_FOOTER = `
Example:
  $ kit init proto --consumer Gardener --provider WeatherOffice
  wrote contract.test.mjs; run it: node --test contract.test.mjs`;

export function addInitCommand(program: Command, session: Session): void {
  program
    .command('init')
    .summary('write a first contract test')
    .description(
      'Writes a contract test of one RPC that passes as it is, for Node, vitest or jest. It needs no generated code. Put your own ' +
        'client in it, and leave out of the answer what it does not use.',
    )
    .argument('<descriptors>', DESCRIPTORS_HELP)
    .requiredOption('--consumer <name>', 'name of the consumer, whose test it is')
    .requiredOption('--provider <name>', 'name of the provider, which it calls')
    .option('--rpc <name>', 'a unary RPC, as pkg.Service/Method (default: the first one)')
    .addOption(
      new Option('--runner <name>', 'the test runner (default: the one in package.json, else node)').choices(RUNNERS),
    )
    .option('--directory <folder>', 'the folder of contracts, for the test', 'contracts')
    .option('--out <file>', 'the file to write', 'contract.test.mjs')
    .addHelpText('after', HELP_FOOTER)
    .action((descriptors: string, options: InitOptions) => runInit(descriptors, options, session));
}

async function runInit(descriptors: string, options: InitOptions, session: Session): Promise<void> {
  const { consumer, provider, directory, out, rpc } = options;
  fileNameOf(consumer, provider);
  const schema = await readSchema('descriptors', descriptors);
  const method = findMethod(schema, rpc);
  const runner = options.runner ?? (await findRunner());
  const text = writeFirstContract({ consumer, provider, descriptors, directory, method, runner });
  await readOption('--out', () => writeNew(out, text));
  const command = RUN[runner](out);
  session.print(`wrote ${out}; run it: ${command}`, { file: out, rpc: nameOf(method), runner, run: command });
}

function findMethod({ services }: Schema, rpc: string | undefined): DescMethod {
  const unary = services.flatMap(({ methods }) => methods.filter(({ methodKind }) => methodKind === 'unary'));
  const method = rpc === undefined ? unary[0] : unary.find((candidate) => nameOf(candidate) === rpc);
  if (method) return method;
  const names = unary.map(nameOf).join(', ');
  if (names === '') throw new OptionError('descriptors: they have no unary RPC');
  throw new OptionError(`--rpc: "${rpc}" is no unary RPC of the descriptors; they have ${names}`);
}

async function findRunner(): Promise<Runner> {
  const text = await readFile('package.json', 'utf8').catch(() => '{}');
  return RUNNERS.find((name) => name !== 'node' && text.includes(`"${name}"`)) ?? 'node';
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Error(`${file} exists already`, { cause: error });
  }
}
