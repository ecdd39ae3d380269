// The command `kit import`: it writes a contract from a Pact file of the protobuf plugin.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { reasonOf } from '../base/error-reason.ts';
import { ContractStore } from '../contract-file/contract-store.ts';
import { titleOf } from '../contract-file/interaction.ts';
import { identityOf, writeInteraction } from '../contract-file/interaction-json.ts';
import { importPact } from '../pact-import/import-pact.ts';
import { parsePactDocument } from '../pact-import/pact-document.ts';
import { OptionError, readOption } from './common/option-error.ts';
import { collect } from './common/options.ts';
import type { Session } from './common/session.ts';

type ImportOptions = {
  readonly directory: string;
  readonly consumer?: string;
  readonly provider?: string;
  readonly subject?: readonly (readonly [string, string])[];
  readonly prune?: boolean;
  readonly strict?: boolean;
};

const HELP_FOOTER = `
The contract has the interactions of the file in the place of those with the same description and states. What it cannot say is printed
for each interaction; with --strict it ends with exit code 1 then.

Example: the contract of a consumer that tests with Pact and its protobuf plugin.
  $ kit import pacts/reader-library.json --directory contracts
  $ kit verify contracts --provider http://127.0.0.1:50052 --descriptors proto`;

export function addImportCommand(program: Command, session: Session): void {
  program
    .command('import')
    .summary('write a contract from a file of Pact and its protobuf plugin')
    .description(
      'Reads a Pact file (V4) whose interactions are calls or messages of pact-protobuf-plugin, and writes them as a contract, which the ' +
        'commands for contracts read.',
    )
    .argument('<file>', 'a Pact file of the protobuf plugin')
    .requiredOption('--directory <path>', 'the folder of the contract file, <consumer>-<provider>.json')
    .option('--consumer <name>', 'name of the consumer (default: that in the file)')
    .option('--provider <name>', 'name of the provider (default: that in the file)')
    .option(
      '--subject <subject>',
      'subject of the events, or pkg.Message=subject for those of one type; can be repeated (default: the name of the message)',
      collect(readSubject),
    )
    .option('--prune', 'remove interactions of the contract that are not in the file')
    .option('--strict', 'end with exit code 1 if something cannot be carried over')
    .addHelpText('after', HELP_FOOTER)
    .action((file: string, options: ImportOptions) => runImport(file, options, session));
}

async function runImport(file: string, options: ImportOptions, session: Session): Promise<void> {
  const text = await readOption('file', () => readText(file));
  const source = basename(file);
  const { document, interactions, notes } = await readOption('file', () => {
    const read = parsePactDocument(text, source);
    return { document: read, ...importPact(read, source, new Map(options.subject)) };
  });
  const { directory, consumer = document.consumer, provider = document.provider } = options;
  if (interactions.length === 0) throw new OptionError(`file: ${source}: has no interaction of the protobuf plugin`);
  const store = new ContractStore(directory, consumer, provider);
  const written = interactions.map(({ interaction, schema }) => writeInteraction(interaction, schema.registry));
  await store.merge(written);
  const kept = new Set(written.map(identityOf));
  const removed = options.prune ? await store.prune((json) => kept.has(identityOf(json))) : [];
  for (const note of notes) session.warn(`not carried over: ${note}`);
  const names = interactions.map(({ interaction }) => titleOf(interaction));
  const pruned = removed.map(({ description }) => description);
  const lines = [...names.map((name) => `\n  ${name}`), ...pruned.map((name) => `\n  removed: ${name}`)];
  session.print(`wrote ${names.length} interactions to ${store.file}${lines.join('')}`, {
    file: store.file,
    interactions: names,
    removed: pruned,
    notCarriedOver: notes,
  });
  if (options.strict && notes.length > 0) session.fail();
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new OptionError(`${file}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function readSubject(text: string): readonly [string, string] {
  const [, type, subject] = /^([\w.]+)=(.+)$/s.exec(text) ?? [];
  return type !== undefined && subject !== undefined ? [type, subject] : ['*', text];
}
