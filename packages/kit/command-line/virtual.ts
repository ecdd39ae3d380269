// The command `kit virtual`: a virtual service that answers from files of stubs and contracts.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { applyStubs, type StubVocabulary } from '../control/stub-json.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { startVirtualService, type VirtualService } from '../virtual/virtual-service.ts';
import { addControlOptions, type ControlPortOptions, describeControl, openControl } from './common/control-option.ts';
import { OptionError, readOption } from './common/option-error.ts';
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
  requireControl,
  type ServerTlsOptions,
  serverTlsOf,
} from './common/tls-options.ts';

type VirtualOptions = AddressOptions &
  BrowserOptions &
  ServerTlsOptions &
  ClientTlsOptions &
  ControlPortOptions & {
    readonly upstream?: string;
    readonly stubs?: string;
    readonly contract?: readonly string[];
    readonly state?: readonly string[];
    readonly enforceRules?: boolean;
    readonly generate?: boolean;
    readonly seed: number;
    readonly failOnUnmatched?: boolean;
  };

const HELP_FOOTER = `
The file of --stubs is a JSON list of stubs. A stub has these keys:
  rpc        pkg.Service/Method
  match      fields of the request; for a stream of requests also a list of exactly these (default: any request)
  when       list of states in which the stub matches (default: any state)
  steps      list of steps, one for each call; without it the stub itself is the only step
A step has one of:
  replies    a message; for a stream of responses a list of messages
  fails      {"code", "message", "details"}; after "replies" it ends a stream of responses
  hangs      true: never answers
and optionally:
  delayMs    delay before the answer
  paceMs     pause between the messages of a stream
  withFault  a fault of \`kit faults list\` for the answer
  times      for how many calls (default: 1; for the last step all further calls)
  becomes    the state of the service after the step

Example: two answers, then an error.
  $ cat stubs.json
  [{ "rpc": "weather.v1.WeatherService/GetForecast", "match": { "town": "Oslo" }, "steps": [
     { "replies": { "sky": "SKY_WET" }, "delayMs": 50, "times": 2 },
     { "fails": { "code": "not_found", "message": "no measurements in Oslo" } } ] }]
  $ kit virtual proto --stubs stubs.json --port 50065
  listening on http://127.0.0.1:50065, 1 stub of weather.v1.WeatherService

Example: one RPC fails for one town, the real service answers everything else.
  $ cat stubs.json
  [{ "rpc": "weather.v1.WeatherService/GetForecast", "match": { "town": "Oslo" }, "fails": { "code": "unavailable" } }]
  $ kit virtual proto --stubs stubs.json --upstream http://127.0.0.1:50051 --port 50065

Example: another process adds a stub, and lists the calls that matched none.
  $ kit virtual proto --port 50065 --control 50075
  $ curl -d '{"definitions": {"stubs": [{"rpc": "weather.v1.WeatherService/GetForecast", "replies": {"sky": "SKY_WET"}}]}}' \\
      -H 'content-type: application/json' http://127.0.0.1:50075/touchstone.kit.v1.StubControlService/AddStubs
  $ grpcurl -plaintext 127.0.0.1:50075 touchstone.kit.v1.StubControlService/ListUnmatchedCalls`;

export function addVirtualCommand(program: Command, session: Session): void {
  const command = program
    .command('virtual')
    .summary('serve a virtual service from stubs or contracts')
    .description(
      'Serves the services of the descriptors over gRPC, gRPC-Web and Connect, with health and reflection. A call that matches ' +
        'no stub and no interaction fails as `unimplemented`, with the nearest one and the differences.',
    )
    .argument('<descriptors>', DESCRIPTORS_HELP)
    .option('--stubs <file>', 'a JSON file of stubs')
    .option(
      '--contract <file>',
      'a contract that answers calls without a matching stub; can be repeated',
      collect(String),
    )
    .option(
      '--state <name>',
      'use only interactions of this provider state; can be repeated (default: all)',
      collect(String),
    )
    .option('--enforce-rules', 'refuse requests that violate a rule of buf.validate as `invalid_argument`')
    .option('--generate', 'generate answers for calls without a stub, the same for the same request')
    .option('--seed <number>', 'seed of the generated answers', readCount, 1)
    .option(
      '--upstream <url>',
      'URL of the real service, which answers calls without a stub',
      readHttpUrl('--upstream'),
    )
    .option('--fail-on-unmatched', 'end with exit code 1 if a call was unmatched')
    .addHelpText('after', HELP_FOOTER);
  addClientTlsOptions(addControlOptions(addServerTlsOptions(addBrowserOptions(addAddressOptions(command))))).action(
    (descriptors: string, options: VirtualOptions) => runVirtual(descriptors, options, session),
  );
}

async function runVirtual(descriptors: string, options: VirtualOptions, session: Session): Promise<void> {
  const { host, port, contract, state, upstream } = options;
  if (upstream !== undefined && options.generate) {
    throw new OptionError('--generate: cannot be given with --upstream, which answers the same calls');
  }
  const schema = await readSchema('descriptors', descriptors);
  const { services } = schema;
  const types = typesOf(schema);
  const upstreamTls = await clientTlsOptionsOf(options, { url: upstream ?? '', option: '--upstream' });
  requireControl(options);
  const tls = await serverTlsOf(options, session);
  await using service = await listenAt(options, () =>
    startVirtualService({
      services,
      types,
      host,
      port,
      ...accessOf(options),
      ...tls,
      ...(upstream === undefined ? {} : { upstream }),
      ...(upstreamTls && { upstreamTls }),
      ...(contract === undefined ? {} : { contract }),
      ...(state === undefined ? {} : { contractStates: state }),
      ...(options.enforceRules ? { enforceRules: true } : {}),
      ...(options.generate ? { generate: { seed: options.seed } } : {}),
    }),
  );
  const stubs = await loadStubs(options.stubs, service, {
    methods: services.flatMap(({ methods }) => methods),
    registry: createTypeRegistry([...services, ...types]),
  });
  await using control = await openControl(options, service, session);
  const names = services.map(({ typeName }) => typeName);
  const { text, json } = describeControl(control);
  await session.serve(service, {
    text: `, ${stubs} ${stubs === 1 ? 'stub' : 'stubs'} of ${names.join(', ')}${text}`,
    json: { stubs, services: names, ...json },
  });
  if (upstream !== undefined) {
    const { forwardedCalls } = service;
    session.print(`forwarded ${forwardedCalls} ${forwardedCalls === 1 ? 'call' : 'calls'} to ${upstream}`, {
      forwarded: forwardedCalls,
    });
  }
  session.reportUnmatched(service.unmatchedRequests(), options.failOnUnmatched);
}

function loadStubs(file: string | undefined, service: VirtualService, vocabulary: StubVocabulary): Promise<number> {
  return readOption(`--stubs: ${file}`, async () =>
    file === undefined ? 0 : applyStubs(await readFile(file, 'utf8'), service, vocabulary),
  );
}
