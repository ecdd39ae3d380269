// `kit promote`: a contract out of a recording.

import type { JsonValue } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { promoteRecording } from '../recording/promote.ts';
import { OptionFault } from './option-fault.ts';
import { collect, descriptorsHelp, readSchema, typesOf } from './options.ts';
import type { Session } from './session.ts';

interface PromoteOptions {
  readonly descriptors: string;
  readonly consumer: string;
  readonly provider: string;
  readonly directory: string;
  readonly rpc?: readonly string[];
  readonly state?: readonly string[];
  readonly loosen?: readonly string[];
  readonly placeholder?: readonly (readonly [string, JsonValue])[];
  readonly header?: readonly string[];
}

const example = `
Example: what was recorded of GetBook becomes a contract; titles may be others.
  $ kit promote library.jsonl --descriptors proto --consumer Reader --provider Library --directory contracts \\
      --rpc library.v1.LibraryService/GetBook --state 'book b1 is there' --loosen library.v1.Book.title`;

export function addPromoteCommand(program: Command, session: Session): void {
  program
    .command('promote')
    .summary('make a contract of a recording')
    .description('Writes recorded exchanges as interactions of a contract file. What the file has besides stays.')
    .argument('<file>', 'a recording of `kit record`')
    .requiredOption('--descriptors <source>', descriptorsHelp)
    .requiredOption('--consumer <name>', 'who called')
    .requiredOption('--provider <name>', 'who answered')
    .requiredOption('--directory <path>', 'the folder of the contract file, <consumer>-<provider>.json')
    .option('--rpc <name>', 'only exchanges of pkg.Service/Method; may be repeated', collect(String))
    .option('--state <name>', 'a state that the provider has to be in; may be repeated', collect(String))
    .option(
      '--loosen <field>',
      'a field that need only be alike, or `responses` for all; may be repeated',
      collect(String),
    )
    .option(
      '--placeholder <field=json>',
      'a value for a field that was left out of the recording; may be repeated',
      collect(readPlaceholder),
    )
    .option('--header <name>', 'a header that the contract holds; may be repeated', collect(String))
    .addHelpText('after', example)
    .action((file: string, options: PromoteOptions) => runPromote(file, options, session));
}

async function runPromote(file: string, options: PromoteOptions, session: Session): Promise<void> {
  const { descriptors, consumer, provider, directory, rpc, state = [], loosen, placeholder = [], header } = options;
  const schema = await readSchema('--descriptors', descriptors);
  const promotion = await promoteRecording(file, {
    consumer,
    provider,
    directory,
    services: schema.services,
    types: typesOf(schema),
    given: () => state.map((name) => ({ name })),
    placeholders: Object.fromEntries(placeholder),
    ...(rpc === undefined ? {} : { select: (exchange) => rpc.includes(exchange.rpc) }),
    ...(loosen === undefined ? {} : { loosen: loosen.includes('responses') ? 'responses' : loosen }),
    ...(header === undefined ? {} : { headers: header }),
  });
  for (const warning of promotion.warnings) session.warn(warning);
  const { interactions, collapsed } = promotion;
  const same = collapsed === 0 ? '' : `\n  ${collapsed} exchanges said the same as another`;
  const list = interactions.map((name) => `\n  ${name}`).join('');
  session.print(`wrote ${interactions.length} interactions to ${promotion.file}${list}${same}`, {
    file: promotion.file,
    interactions,
    collapsed,
  });
}

function readPlaceholder(text: string): readonly [string, JsonValue] {
  const [, field, json] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  const value = parseJson(json);
  if (field === undefined || value === undefined) {
    throw new OptionFault(`--placeholder: "${text}" is no field and JSON such as library.v1.Loan.member_id="m1"`);
  }
  return [field, value];
}

function parseJson(text = ''): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // The caller says what is wrong, in the words of the option.
    return undefined;
  }
}
