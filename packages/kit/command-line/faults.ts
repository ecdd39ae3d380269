// The commands `kit faults`, a fault proxy in front of a running service, and `kit faults list`.

import type { Command } from 'commander';
import { FAULT_KINDS, readFault, TARGET_SETTINGS } from '../fault-proxy/control/fault-argument.ts';
import { startFaultControl } from '../fault-proxy/control/fault-control.ts';
import { startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { FaultHandle } from '../fault-proxy/injected-fault.ts';
import { withoutCredentials } from '../fault-proxy/upstream-address.ts';
import { OptionError, readOption } from './common/option-error.ts';
import { type AddressOptions, addAddressOptions, collect, listenAt, readCount, readPort } from './common/options.ts';
import type { Session } from './common/session.ts';
import {
  addClientTlsOptions,
  addControlTlsOptions,
  addServerTlsOptions,
  type ClientTlsOptions,
  type ControlTlsOptions,
  clientTlsOptionsOf,
  controlTlsOf,
  requireControl,
  type ServerTlsOptions,
  serverTlsOf,
} from './common/tls-options.ts';

type FaultsOptions = AddressOptions &
  ServerTlsOptions &
  ClientTlsOptions &
  ControlTlsOptions & {
    readonly upstream?: string;
    readonly fault?: readonly string[];
    readonly control?: number;
    readonly name: string;
    readonly seed: number;
  };

const HELP_FOOTER = `
Example: every third answer of one RPC is half a second late. Another fault is switched on while the proxy runs.
  $ kit faults --upstream http://127.0.0.1:50052 --port 50062 --control 50072 \\
      --fault 'latency:delayMs=500,rpc=library.v1.LibraryService/GetBook,every=3'
  listening on http://127.0.0.1:50062, control on http://127.0.0.1:50072
  $ buf curl --http2-prior-knowledge -d '{"proxy": "upstream", "fault": {"blackHole": {}}}' \\
      http://127.0.0.1:50072/touchstone.kit.v1.FaultProxyService/InjectFault`;

export function addFaultsCommand(program: Command, session: Session): void {
  const command = program
    .command('faults')
    .summary('run a fault proxy in front of a service')
    .description(
      'Relays connections to a service and injects faults: those of --fault from the start, others at any time by RPC on the ' +
        'control port. When it ends, it prints how many calls or connections each fault hit.',
    )
    .option('--upstream <url>', 'URL of the service, of any scheme')
    .option(
      '--fault <kind:settings>',
      'a fault to inject; can be repeated. `kit faults list` lists them',
      collect(String),
    )
    .option('--control <port>', 'serve touchstone.kit.v1.FaultProxyService on this port; 0 for a free one', readPort)
    .option(
      '--control-host <address>',
      'address of the control port, which lets every caller switch faults',
      '127.0.0.1',
    )
    .option('--name <name>', 'name of the proxy in the control RPCs', 'upstream')
    .option('--seed <number>', 'seed of all random choices', readCount, 1)
    .addHelpText('after', HELP_FOOTER);
  addClientTlsOptions(addControlTlsOptions(addServerTlsOptions(addAddressOptions(command)))).action(
    (options: FaultsOptions) => runFaults(options, session),
  );
  command
    .command('list')
    .description('Lists the kinds of faults and their settings, for --fault.')
    .action(() => listFaults(session));
}

async function runFaults(options: FaultsOptions, session: Session): Promise<void> {
  const { upstream, host, port, seed, name, control: controlPort, controlHost } = options;
  // Not a required option of the parser, which would then require it for `faults list` too.
  if (upstream === undefined) throw new OptionError('--upstream is required (the URL of the service)');
  const parsed = await readOption('--fault', () => (options.fault ?? []).map(readFault));
  const upstreamTls = await clientTlsOptionsOf(options, { url: upstream, option: '--upstream' });
  const tls = await serverTlsOf(options, session);
  requireControl(options);
  const controlTls = await controlTlsOf(options, session);
  await using proxy = await listenAt(options, () =>
    readOption('--upstream', () =>
      startFaultProxy({ upstream, host, port, seed, ...tls, ...(upstreamTls && { upstreamTls }) }),
    ),
  );
  const handles = await readOption('--fault', () =>
    parsed.map(({ fault, options: target }) => proxy.inject(fault, target)),
  );
  await using control =
    controlPort === undefined
      ? undefined
      : await listenAt(
          { host: controlHost, port: controlPort },
          () => startFaultControl({ proxies: { [name]: proxy }, host: controlHost, port: controlPort, ...controlTls }),
          { host: '--control-host', port: '--control' },
        );
  const url = withoutCredentials(proxy.url);
  await (control === undefined
    ? session.serve({ url, host: proxy.host })
    : session.serve(
        { url, host: proxy.host },
        {
          text: `, control on ${control.url}`,
          json: { control: control.url, controlHost: control.host },
        },
      ));
  for (const handle of new Set([...handles, ...proxy.faults()])) printHits(handle, session);
}

function printHits({ id, name, rpc, hits, seen }: FaultHandle, session: Session): void {
  const what = rpc === undefined ? 'connections' : `calls of ${rpc}`;
  session.print(`${name}: hit ${hits} of ${seen} ${what}`, { fault: name, id, rpc, hits, seen });
}

function listFaults(session: Session): void {
  const width = Math.max(...FAULT_KINDS.map(({ name }) => name.length));
  const lines = FAULT_KINDS.flatMap(({ name, summary, settings }) => [
    `${name.padEnd(width)}  ${summary}`,
    ...(settings.length > 0 ? [`${' '.repeat(width)}  ${settings.join(',')}`] : []),
  ]);
  session.print([...lines, '', `Settings of every fault: ${TARGET_SETTINGS.join(',')}`].join('\n'), {
    faults: FAULT_KINDS,
    targets: TARGET_SETTINGS,
  });
}
