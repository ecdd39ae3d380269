// The command `kit record`: a recorder in front of a running service.

import type { Command } from 'commander';
import { startRecorder } from '../recording/recorder.ts';
import {
  type AddressOptions,
  accessOf,
  addAddressOptions,
  addBrowserOptions,
  type BrowserOptions,
  collect,
  DESCRIPTORS_HELP,
  listenAt,
  readCount,
  readHttpUrl,
  readSchema,
  typesOf,
} from './common/options.ts';
import type { Session } from './common/session.ts';
import {
  addClientTlsOptions,
  addServerTlsOptions,
  type ClientTlsOptions,
  clientTlsOptionsOf,
  type ServerTlsOptions,
  serverTlsOf,
} from './common/tls-options.ts';

type RecordOptions = AddressOptions &
  BrowserOptions &
  ServerTlsOptions &
  ClientTlsOptions & {
    readonly upstream: string;
    readonly descriptors: string;
    readonly out: string;
    readonly replace?: boolean;
    readonly redact?: readonly string[];
    readonly keep?: readonly string[];
    readonly redactHeader?: readonly string[];
    readonly redactErrors?: boolean;
    readonly limit: number;
  };

const HELP_FOOTER = `
Fields with the option debug_redact and credential headers, such as authorization, are never recorded; fields with the names of
credentials and card data, such as password, access_token or card_number, only with --keep.

Example: record the library service without the ids of its members.
  $ kit record --upstream http://127.0.0.1:50052 --descriptors proto --out library.jsonl \\
      --redact '*.member_id' --redact-header 'x-session-*' --port 50063
  listening on http://127.0.0.1:50063
  recorded 42 exchanges in library.jsonl`;

export function addRecordCommand(program: Command, session: Session): void {
  const command = program
    .command('record')
    .summary('record the calls of a running service')
    .description(
      'Relays calls to a service and appends each exchange to a file when it ends, for `kit replay` and `kit promote`. ' +
        'Exit code 1 means that the recording is incomplete.',
    )
    .requiredOption('--upstream <url>', 'URL of the service', readHttpUrl('--upstream'))
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .requiredOption('--out <file>', 'file to write')
    .option('--replace', 'replace the file if it exists')
    .option('--redact <field>', 'a field to redact, as pkg.Message.field or *.field; can be repeated', collect(String))
    .option(
      '--keep <field>',
      'a field to record although its name is that of a credential or of card data; can be repeated',
      collect(String),
    )
    .option('--redact-header <name>', 'a header to redact; * matches any characters; can be repeated', collect(String))
    .option('--redact-errors', 'redact the messages of errors')
    .option('--limit <number>', 'maximum number of exchanges', readCount, 10_000)
    .addHelpText('after', HELP_FOOTER);
  addClientTlsOptions(addServerTlsOptions(addBrowserOptions(addAddressOptions(command)))).action(
    (options: RecordOptions) => runRecord(options, session),
  );
}

async function runRecord(options: RecordOptions, session: Session): Promise<void> {
  const { upstream, out, host, port, limit } = options;
  const schema = await readSchema('--descriptors', options.descriptors);
  const upstreamTls = await clientTlsOptionsOf(options, { url: upstream, option: '--upstream' });
  const tls = await serverTlsOf(options, session);
  const recorder = await listenAt(options, () =>
    startRecorder({
      upstream,
      ...(upstreamTls && { upstreamTls }),
      services: schema.services,
      types: typesOf(schema),
      redact: {
        fields: options.redact ?? [],
        keeps: options.keep ?? [],
        headers: options.redactHeader ?? [],
        errorMessages: options.redactErrors ?? false,
      },
      file: out,
      replaces: options.replace ?? false,
      maxExchanges: limit,
      host,
      port,
      ...accessOf(options),
      ...tls,
    }),
  );
  try {
    await session.serve(recorder);
  } finally {
    await recorder.stop();
  }
  const { recorded, lost } = recorder;
  const incomplete = lost === 0 ? '' : `; ${lost} calls are missing from it`;
  session.print(`recorded ${recorded} exchanges in ${out}${incomplete}`, { file: out, recorded, lost });
  if (lost > 0) session.fail();
}
