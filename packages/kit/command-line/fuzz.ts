// The command `kit fuzz`: generated calls against a running service.

import { lookup } from 'node:dns/promises';
import { access, constants, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import type { DescMethod } from '@bufbuild/protobuf';
import { type Command, Option } from 'commander';
import type { ClientTls } from '../base/client-tls.ts';
import { reasonOf } from '../base/error-reason.ts';
import { nameOf } from '../base/rpc-name.ts';
import { assertPlaintext, assertTrusted } from '../base/upstream-certificate.ts';
import { type FuzzReport, fuzz } from '../fuzz/fuzz.ts';
import { formatFinding, formatJunit, formatSummary } from '../fuzz/fuzz-text.ts';
import { readRecordedCalls } from '../fuzz/sequences/recorded-calls.ts';
import type { Recording } from '../recording/exchange.ts';
import { FieldRules } from '../recording/field-rules.ts';
import { readRecording } from '../recording/recording-file.ts';
import type { Schema } from '../schema/load-schema.ts';
import { reflectSchema } from '../schema/reflect-schema.ts';
import type { WireName } from '../verification/wire.ts';
import { OptionError, readOption } from './common/option-error.ts';
import {
  collect,
  DESCRIPTORS_HELP,
  readCount,
  readHeader,
  readHttpUrl,
  readPositive,
  readSchema,
} from './common/options.ts';
import type { Session } from './common/session.ts';
import { addClientTlsOptions, type ClientTlsOptions, clientTlsOptionsOf } from './common/tls-options.ts';
import { readWires, WIRE_IDS } from './common/wire-argument.ts';

type FuzzCommandOptions = ClientTlsOptions & {
  readonly descriptors?: string;
  readonly rpc?: readonly string[];
  readonly skip?: readonly string[];
  readonly endless?: readonly string[];
  readonly protocol?: readonly (readonly WireName[])[];
  readonly header?: readonly (readonly [string, string])[];
  readonly recording?: string;
  readonly fresh?: readonly string[];
  readonly seed?: number;
  readonly calls: number;
  readonly seconds: number;
  readonly timeout: number;
  readonly pid?: number;
  readonly junit?: string;
  readonly allowRemote?: boolean;
};

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

const HELP_FOOTER = `
Calls every RPC with ordinary, boundary and random values, and with damaged bytes. What it finds:
  crash, connection lost   the service ended, or dropped the connection
  hang, endless stream     a call, or a stream of responses, did not end within --timeout
  untyped error            internal, unknown or data_loss, or HTTP 5xx without an RPC error
  unreadable answer        an answer that is not one of its protocol or its message type
  unenforced rule          a request that violates a rule of buf.validate was accepted
  memory growth            the memory of --pid grows with every call
Each finding is shrunk to a small call, and printed with commands that make it again; values of --header are left out of them.
The service really executes the calls, so use one whose data may be lost. Ctrl-C ends the run and prints what was found.
Exit code 1 means that something was found.

Example:
  $ kit fuzz http://127.0.0.1:50051 --skip 'shop.admin.v1.*' --header 'authorization: Bearer t0ken' --seed 7
  $ kit fuzz http://127.0.0.1:50051 --descriptors proto --recording calls.jsonl --junit fuzz.xml --pid 4711`;

export function addFuzzCommand(program: Command, session: Session): void {
  const command = program
    .command('fuzz')
    .summary('call a running service with generated requests')
    .description(
      'Generates calls from descriptors, for all kinds of RPCs and all protocols that the service speaks, and reports answers ' +
        'that show an error of the service.',
    )
    .argument('<target>', 'URL of the service', readHttpUrl('target'))
    .option('--descriptors <source>', `${DESCRIPTORS_HELP} (default: reflection)`)
    .option(
      '--rpc <pattern>',
      'call only these RPCs: pkg.Service/Method, or a beginning and *; can be repeated',
      collect(String),
    )
    .option('--skip <pattern>', 'do not call these RPCs; can be repeated', collect(String))
    .option('--endless <pattern>', 'RPCs whose streams may stay open; can be repeated', collect(String))
    .option(
      '--protocol <name>',
      `a protocol, or a protocol with HTTP version; can be repeated: ${WIRE_IDS.join(', ')}`,
      collect(readWires),
    )
    .option('--header <name: value>', 'a header to send with every call; can be repeated', collect(readHeader))
    .option(
      '--recording <file>',
      'a recording of `kit record`, whose calls are made again in their order, each also changed, left out, repeated or moved',
    )
    .option(
      '--fresh <field>',
      'a field of recorded requests whose value is new in each sequence: pkg.Message.field; can be repeated',
      collect(String),
    )
    .option('--seed <number>', 'seed of all random choices (default: a new one, which is printed)', readCount)
    .addOption(new Option('--calls <number>', 'at most so many calls').argParser(readPositive).default(3000))
    .addOption(new Option('--seconds <number>', 'at most so many seconds').argParser(readPositive).default(60))
    .addOption(new Option('--timeout <ms>', 'how long a call may take').argParser(readPositive).default(2000))
    .option('--pid <number>', 'process whose memory is watched', readPositive)
    .option('--junit <file>', 'write the report as JUnit XML')
    .option('--allow-remote', 'allow a service on another machine')
    .addHelpText('after', HELP_FOOTER);
  addClientTlsOptions(command).action((target: string, options: FuzzCommandOptions) =>
    runFuzz(target, options, session),
  );
}

async function runFuzz(target: string, options: FuzzCommandOptions, session: Session): Promise<void> {
  if (!options.allowRemote) await requireLoopback(target);
  await requireFolder(options.junit);
  const headers = Object.fromEntries(options.header ?? []);
  const tls = await clientTlsOptionsOf(options, { url: target, option: 'target' });
  const described =
    options.descriptors === undefined ? undefined : await readSchema('--descriptors', options.descriptors);
  if (described === undefined) await checkTransport(target, tls);
  const schema = described ?? (await reflectTarget(target, headers, tls));
  const methods = selectMethods(schema, options);
  const recording = await readCalls(options, methods, schema);
  // The faults of the options are told before a connection is opened, where it is not needed to find them.
  if (described !== undefined) await checkTransport(target, tls);
  // Descriptors are read before the signals are handled, so that they can be interrupted.
  const stop = new AbortController();
  void session.awaitStop().then(() => stop.abort());
  const report = await readOption('target', () =>
    fuzz({
      url: target,
      schema,
      methods,
      headers,
      ...(tls && { tls }),
      seed: options.seed ?? Math.trunc(Math.random() * 2 ** 31),
      calls: options.calls,
      seconds: options.seconds,
      timeoutMs: options.timeout,
      endless: match(schema, '--endless', options.endless ?? []),
      signal: stop.signal,
      onFinding: (finding) => session.print(formatFinding(finding), { finding }),
      ...(options.protocol && { wires: options.protocol.flat() }),
      ...(options.pid !== undefined && { pid: options.pid }),
      ...(recording && { recording, fresh: options.fresh ?? [] }),
    }),
  );
  await writeReport(report, options.junit);
  const { findings, ...summary } = report;
  session.print(formatSummary(report), { ...summary, findings: findings.length });
  if (findings.length > 0) session.fail();
}

// A run takes a minute, after which the report must not be lost.
async function requireFolder(junit: string | undefined): Promise<void> {
  if (junit !== undefined) await readOption('--junit', () => access(dirname(junit), constants.W_OK));
}

async function requireLoopback(target: string): Promise<void> {
  const host = new URL(target).hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) ? [{ address: host }] : await readOption('target', () => lookup(host, { all: true }));
  if (addresses.every(({ address }) => LOOPBACK.test(address))) return;
  throw new OptionError(`target: ${host} is not this machine; say --allow-remote if its data may be lost`);
}

async function checkTransport(target: string, tls: ClientTls | undefined): Promise<void> {
  await readOption('target', async () => {
    await assertPlaintext(target);
    await assertTrusted(target, tls);
  });
}

async function reflectTarget(
  target: string,
  headers: Readonly<Record<string, string>>,
  tls: ClientTls | undefined,
): Promise<Schema> {
  try {
    return await reflectSchema(target, headers, tls);
  } catch (error) {
    throw new OptionError(`target: ${(error as Error).message}; name its descriptors with --descriptors`, {
      cause: error,
    });
  }
}

function selectMethods(schema: Schema, { rpc, skip = [] }: FuzzCommandOptions): readonly DescMethod[] {
  const chosen = rpc ? match(schema, '--rpc', rpc) : methodsOf(schema);
  const skipped = new Set(match(schema, '--skip', skip));
  const methods = chosen.filter((method) => !skipped.has(method));
  if (methods.length === 0) throw new OptionError('--skip: leaves no RPC to call');
  return methods;
}

function methodsOf({ services }: Schema): readonly DescMethod[] {
  return services.flatMap(({ methods }) => methods);
}

function match(schema: Schema, option: string, patterns: readonly string[]): readonly DescMethod[] {
  const methods = methodsOf(schema);
  const isMatch = (pattern: string, method: DescMethod) =>
    pattern.endsWith('*') ? nameOf(method).startsWith(pattern.slice(0, -1)) : nameOf(method) === pattern;
  const unknown = patterns.find((pattern) => !methods.some((method) => isMatch(pattern, method)));
  if (unknown !== undefined) {
    throw new OptionError(`${option}: "${unknown}" is none of the RPCs ${methods.map(nameOf).join(', ')}`);
  }
  return methods.filter((method) => patterns.some((pattern) => isMatch(pattern, method)));
}

/** Reads a recording and checks it against the schema, before a call is made. */
async function readCalls(
  { recording: file, fresh = [] }: FuzzCommandOptions,
  methods: readonly DescMethod[],
  schema: Schema,
): Promise<Recording | undefined> {
  if (file === undefined) {
    if (fresh.length > 0) throw new OptionError('--fresh: names fields of recorded requests, so it needs --recording');
    return undefined;
  }
  const recording = await readOption('--recording', () => readRecording(file));
  const { calls } = await readOption('--recording', () => {
    try {
      return readRecordedCalls(recording, { methods, schema });
    } catch (error) {
      throw new OptionError(`${file}: ${reasonOf(error)}`, { cause: error });
    }
  });
  if (calls.length === 0) throw new OptionError(`--recording: ${file} has no complete call of the chosen RPCs`);
  new FieldRules(fresh, schema.registry, 'fresh');
  return recording;
}

async function writeReport(report: FuzzReport, file: string | undefined): Promise<void> {
  if (file !== undefined) await readOption('--junit', () => writeFile(file, formatJunit(report)));
}
