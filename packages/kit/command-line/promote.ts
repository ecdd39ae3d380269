// The command `kit promote`: it writes a contract from a recording.

import type { JsonValue } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { parseExactly, withoutBigints } from '../matching/exact-json.ts';
import { promoteRecording } from '../recording/promote.ts';
import { OptionError } from './common/option-error.ts';
import { collect, DESCRIPTORS_HELP, readSchema, typesOf } from './common/options.ts';
import type { Session } from './common/session.ts';

type PromoteOptions = {
  readonly descriptors: string;
  readonly consumer: string;
  readonly provider: string;
  readonly directory: string;
  readonly rpc?: readonly string[];
  readonly state?: readonly string[];
  readonly loosen?: readonly string[];
  readonly placeholder?: readonly (readonly [string, JsonValue])[];
  readonly header?: readonly string[];
};

const HELP_FOOTER = `
Example: the recorded calls of GetBook become a contract that accepts any title.
  $ kit promote library.jsonl --descriptors proto --consumer Reader --provider Library --directory contracts \\
      --rpc library.v1.LibraryService/GetBook --state 'book b1 is there' --loosen library.v1.Book.title`;

export function addPromoteCommand(program: Command, session: Session): void {
  program
    .command('promote')
    .summary('write a contract from a recording')
    .description(
      'Writes recorded exchanges as interactions of a contract file. Other interactions of the file are kept. Recorded times and ' +
        'deadlines are left out; `kit replay --recorded-timing` serves them.',
    )
    .argument('<file>', 'a recording from `kit record`')
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .requiredOption('--consumer <name>', 'name of the service that called')
    .requiredOption('--provider <name>', 'name of the service that answered')
    .requiredOption('--directory <path>', 'the folder of the contract file, <consumer>-<provider>.json')
    .option('--rpc <name>', 'use only exchanges of pkg.Service/Method; can be repeated', collect(String))
    .option('--state <name>', 'a provider state of the interactions; can be repeated', collect(String))
    .option(
      '--loosen <field>',
      'a field of responses that matches any value of its type, or `responses` for all; can be repeated',
      collect(String),
    )
    .option('--placeholder <field=json>', 'a value for a redacted field; can be repeated', collect(readPlaceholder))
    .option('--header <name>', 'a header to include in the contract; can be repeated', collect(String))
    .addHelpText('after', HELP_FOOTER)
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
  const { interactions, collapsed, omitted } = promotion;
  const same = collapsed === 0 ? '' : `\n  ${collapsed} exchanges were duplicates of another`;
  const list = interactions.map((name) => `\n  ${name}`).join('');
  const left = omitted.length === 0 ? '' : `\n  left out: ${omitted.join(' and ')}, for which a contract has no place`;
  session.print(`wrote ${interactions.length} interactions to ${promotion.file}${list}${same}${left}`, {
    file: promotion.file,
    interactions,
    collapsed,
    omitted,
  });
}

function readPlaceholder(text: string): readonly [string, JsonValue] {
  const [, field, json] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  const value = parseJson(json);
  if (field === undefined || value === undefined) {
    throw new OptionError(`--placeholder: "${text}" must be a field and JSON, such as library.v1.Loan.member_id="m1"`);
  }
  return [field, value];
}

function parseJson(text = ''): JsonValue | undefined {
  try {
    return withoutBigints(parseExactly(text)) as JsonValue;
  } catch {
    // The caller reports the problem with the name of the option.
    return undefined;
  }
}
