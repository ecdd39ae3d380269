// `kit faults`: a fault proxy in front of a running service, and the list of what it can do.

import type { Command } from 'commander';
import { startFaultControl } from '../fault-proxy/control/fault-control.ts';
import { startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { FaultHandle } from '../fault-proxy/injected-fault.ts';
import { faultKinds, faultTargets, readFault } from './fault-argument.ts';
import { OptionFault, readOption } from './option-fault.ts';
import { type AddressOptions, addAddressOptions, collect, listenAt, readCount, readPort } from './options.ts';
import type { Session } from './session.ts';

interface FaultsOptions extends AddressOptions {
  readonly upstream?: string;
  readonly fault?: readonly string[];
  readonly control?: number;
  readonly name: string;
  readonly seed: number;
}

const example = `
Example: every third answer of one RPC comes half a second late; more is switched while it runs.
  $ kit faults --upstream http://127.0.0.1:50052 --port 50062 --control 50072 \\
      --fault 'latency:delayMs=500,rpc=library.v1.LibraryService/GetBook,every=3'
  listening on http://127.0.0.1:50062, control on http://127.0.0.1:50072
  $ buf curl --http2-prior-knowledge -d '{"proxy": "upstream", "fault": {"blackHole": {}}}' \\
      http://127.0.0.1:50072/touchstone.kit.v1.FaultProxyService/InjectFault`;

export function addFaultsCommand(program: Command, session: Session): void {
  const command = program
    .command('faults')
    .summary('put a fault proxy before a running service')
    .description(
      'Passes everything on to a service, and does harm: with --fault from the start, by RPC at any time where a control ' +
        'port is open. At its end it tells what each fault did.',
    )
    .option('--upstream <url>', 'the service: a URL of any scheme that names host and port')
    .option(
      '--fault <kind:settings>',
      'a fault that is on; may be repeated. `kit faults list` tells which',
      collect(String),
    )
    .option('--control <port>', 'open touchstone.kit.v1.FaultProxyService there; 0 for a free port', readPort)
    .option('--name <name>', 'what the control RPCs call the proxy', 'upstream')
    .option('--seed <number>', 'what chances and jitters come from: the same seed, the same faults', readCount, 1)
    .addHelpText('after', example);
  addAddressOptions(command).action((options: FaultsOptions) => runFaults(options, session));
  command
    .command('list')
    .description('Lists the kinds of faults with their settings, for --fault.')
    .action(() => listFaults(session));
}

async function runFaults(options: FaultsOptions, session: Session): Promise<void> {
  const { upstream, host, port, seed, name, control: controlPort } = options;
  // Not left to the parser, which would ask for it in `faults list` too.
  if (upstream === undefined) throw new OptionFault('--upstream: is needed, the URL of the service');
  const wanted = await readOption('--fault', () => (options.fault ?? []).map(readFault));
  await using proxy = await listenAt(options, () =>
    readOption('--upstream', () => startFaultProxy({ upstream, host, port, seed })),
  );
  const handles = await readOption('--fault', () =>
    wanted.map(({ fault, options: target }) => proxy.inject(fault, target)),
  );
  await using control =
    controlPort === undefined
      ? undefined
      : await listenAt(
          { host, port: controlPort },
          () => startFaultControl({ proxies: { [name]: proxy }, host, port: controlPort }),
          '--control',
        );
  const url = withoutAccount(proxy.url);
  await (control === undefined
    ? session.serve({ url })
    : session.serve({ url }, { text: `, control on ${control.url}`, json: { control: control.url } }));
  for (const handle of new Set([...handles, ...proxy.faults()])) printHits(handle, session);
}

function printHits({ id, name, rpc, hits, seen }: FaultHandle, session: Session): void {
  const what = rpc === undefined ? 'connections' : `calls of ${rpc}`;
  session.print(`${name}: hit ${hits} of ${seen} ${what}`, { fault: name, id, rpc, hits, seen });
}

function listFaults(session: Session): void {
  const width = Math.max(...faultKinds.map(({ name }) => name.length));
  const lines = faultKinds.flatMap(({ name, summary, settings }) => [
    `${name.padEnd(width)}  ${summary}`,
    ...(settings.length > 0 ? [`${' '.repeat(width)}  ${settings.join(',')}`] : []),
  ]);
  session.print([...lines, '', `of each: ${faultTargets.join(',')}`].join('\n'), {
    faults: faultKinds,
    targets: faultTargets,
  });
}

// The URL takes over the account of the upstream's, and with it a password.
function withoutAccount(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
