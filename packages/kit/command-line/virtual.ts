// `kit virtual`: a virtual service out of descriptors, told by files what to answer.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { startVirtualService, type VirtualService } from '../virtual/virtual-service.ts';
import { readOption } from './option-fault.ts';
import {
  type AddressOptions,
  addAddressOptions,
  collect,
  descriptorsHelp,
  listenAt,
  readSchema,
  typesOf,
} from './options.ts';
import type { Session } from './session.ts';
import { applyStubs, type StubVocabulary } from './stub-file.ts';

interface VirtualOptions extends AddressOptions {
  readonly stubs?: string;
  readonly contract?: readonly string[];
  readonly state?: readonly string[];
  readonly failOnMiss?: boolean;
}

const example = `
Stubs are a list of {"rpc", "match", "when", and what happens, or "steps" with a list of that}. What happens is "replies" with
a message (a list of them for a stream), "fails" with {"code", "message", "details"}, both for a stream that breaks off, or
"hangs"; besides "delayMs", "paceMs", "suffers" with a fault of \`kit faults list\`, "times" and "becomes" with a state.

Example: the weather is bad, and then nobody knows it.
  $ cat stubs.json
  [{ "rpc": "weather.v1.WeatherService/GetForecast", "match": { "town": "Oslo" }, "steps": [
     { "replies": { "sky": "SKY_WET" }, "delayMs": 50, "times": 2 },
     { "fails": { "code": "not_found", "message": "nobody measures in Oslo" } } ] }]
  $ kit virtual proto --stubs stubs.json --port 50065
  listening on http://127.0.0.1:50065, 1 stub of weather.v1.WeatherService`;

export function addVirtualCommand(program: Command, session: Session): void {
  const command = program
    .command('virtual')
    .summary('stand in for services, as stubs or contracts tell')
    .description(
      'Serves services over gRPC, gRPC-Web and Connect, with health and reflection. What no stub and no interaction is for ' +
        'is answered `unimplemented`, with the nearest one and what differs.',
    )
    .argument('<descriptors>', descriptorsHelp)
    .option('--stubs <file>', 'stubs in JSON')
    .option('--contract <file>', 'a contract that answers where no stub does; may be repeated', collect(String))
    .option('--state <name>', 'a provider state of the contract; may be repeated. Without it: all', collect(String))
    .option('--fail-on-miss', 'end with exit code 1 when a call found no answer')
    .addHelpText('after', example);
  addAddressOptions(command).action((descriptors: string, options: VirtualOptions) =>
    runVirtual(descriptors, options, session),
  );
}

async function runVirtual(descriptors: string, options: VirtualOptions, session: Session): Promise<void> {
  const { host, port, contract, state } = options;
  const schema = await readSchema('descriptors', descriptors);
  const { services } = schema;
  const types = typesOf(schema);
  await using service = await listenAt(options, () =>
    startVirtualService({
      services,
      types,
      host,
      port,
      ...(contract === undefined ? {} : { contract }),
      ...(state === undefined ? {} : { contractStates: state }),
    }),
  );
  const stubs = await loadStubs(options.stubs, service, {
    methods: services.flatMap(({ methods }) => methods),
    registry: createTypeRegistry([...services, ...types]),
  });
  const names = services.map(({ typeName }) => typeName);
  await session.serve(service, {
    text: `, ${stubs} ${stubs === 1 ? 'stub' : 'stubs'} of ${names.join(', ')}`,
    json: { stubs, services: names },
  });
  session.tellMisses(service.unmatchedRequests(), options.failOnMiss);
}

function loadStubs(file: string | undefined, service: VirtualService, vocabulary: StubVocabulary): Promise<number> {
  return readOption(`--stubs: ${file}`, async () =>
    file === undefined ? 0 : applyStubs(await readFile(file, 'utf8'), service, vocabulary),
  );
}
