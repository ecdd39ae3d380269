// `kit record`: a recorder in front of a service that is running.

import type { Command } from 'commander';
import { startRecorder } from '../recording/recorder.ts';
import {
  type AddressOptions,
  addAddressOptions,
  collect,
  descriptorsHelp,
  listenAt,
  readCount,
  readHttpUrl,
  readSchema,
  typesOf,
} from './options.ts';
import type { Session } from './session.ts';

interface RecordOptions extends AddressOptions {
  readonly upstream: string;
  readonly descriptors: string;
  readonly out: string;
  readonly replace?: boolean;
  readonly redact?: readonly string[];
  readonly redactHeader?: readonly string[];
  readonly redactErrors?: boolean;
  readonly limit: number;
}

const example = `
Never recorded are fields with the option debug_redact, and headers that let in, such as authorization.

Example: record the library while a reader uses it; members are nobody's business.
  $ kit record --upstream http://127.0.0.1:50052 --descriptors proto --out library.jsonl \\
      --redact '*.member_id' --redact-header 'x-session-*' --port 50063
  listening on http://127.0.0.1:50063
  recorded 42 exchanges in library.jsonl`;

export function addRecordCommand(program: Command, session: Session): void {
  const command = program
    .command('record')
    .summary('record what passes to a running service')
    .description(
      'Passes calls on to a service and writes each exchange to a file when it has ended, for `kit replay` and `kit promote`. ' +
        'Ends with exit code 1 when the recording lacks a call.',
    )
    .requiredOption('--upstream <url>', 'where the service listens', readHttpUrl('--upstream'))
    .requiredOption('--descriptors <source>', descriptorsHelp)
    .requiredOption('--out <file>', 'the file to write')
    .option('--replace', 'replace the file when it is there already')
    .option(
      '--redact <field>',
      'a field to leave out, as pkg.Message.field or *.field; may be repeated',
      collect(String),
    )
    .option('--redact-header <name>', 'a header to leave out, * for any characters; may be repeated', collect(String))
    .option('--redact-errors', 'leave out the texts of errors')
    .option('--limit <number>', 'how many exchanges are recorded at most', readCount, 10_000)
    .addHelpText('after', example);
  addAddressOptions(command).action((options: RecordOptions) => runRecord(options, session));
}

async function runRecord(options: RecordOptions, session: Session): Promise<void> {
  const { upstream, out, host, port, limit } = options;
  const schema = await readSchema('--descriptors', options.descriptors);
  const recorder = await listenAt(options, () =>
    startRecorder({
      upstream,
      services: schema.services,
      types: typesOf(schema),
      redact: {
        fields: options.redact ?? [],
        headers: options.redactHeader ?? [],
        errorMessages: options.redactErrors ?? false,
      },
      file: out,
      replaces: options.replace ?? false,
      maxExchanges: limit,
      onProblem: (problem) => session.warn(problem),
      host,
      port,
    }),
  );
  try {
    await session.serve(recorder);
  } finally {
    await recorder.stop();
  }
  const { recorded, lost } = recorder;
  const lack = lost === 0 ? '' : `; ${lost} calls passed and are not in it`;
  session.print(`recorded ${recorded} exchanges in ${out}${lack}`, { file: out, recorded, lost });
  if (lost > 0) session.findFault();
}
