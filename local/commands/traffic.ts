// The program behind `make traffic`: starts, changes or ends the steady load of the running platform.

import { parseArgs } from 'node:util';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { optionalHttpUrl, parseSettings, port } from '../../services/platform/base/settings.ts';
import { openCommandTransport } from '../identity/command-transport.ts';
import { readOperatorToken, showToken } from '../identity/operator-token.ts';
import { endWithReader } from '../shared/output-reader.ts';

const HELP = `Starts a steady load of mixed orders on the platform that runs on this machine, changes its rate, or ends it.

  make traffic RATE=5
  node local/commands/traffic.ts [options]

  --rate <number>   orders a second, up to 50; 0 ends the load (default: 5)
  --help            print this help

The load runs in \`make run\` and ends with it. The console is called at CONSOLE_URL (default: 127.0.0.1:CONSOLE_PORT, 8080).
`;

function readArguments() {
  const { values } = parseArgs({
    options: { rate: { type: 'string', default: '5' }, help: { type: 'boolean', default: false } },
  });
  const rate = Number(values.rate);
  if (!/^\d{1,2}(\.\d{1,3})?$/.test(values.rate) || rate > 50)
    throw new Error(`--rate: ${values.rate} is not a number from 0 to 50`);
  return { rate, help: values.help };
}

function describeFailure(error: unknown, url: string): string {
  if (!(error instanceof ConnectError)) return error instanceof Error ? error.message : String(error);
  if (error.code === Code.Unavailable)
    return `No console at ${url}. Start the platform with \`make run\` first, in another terminal.`;
  return `The console at ${url} answered ${error.message}`;
}

let url = 'its address';
endWithReader();
try {
  const { rate, help } = readArguments();
  if (help) {
    process.stdout.write(HELP);
  } else {
    const settings = parseSettings(process.env, { CONSOLE_PORT: port(8_080), CONSOLE_URL: optionalHttpUrl() });
    url = settings.CONSOLE_URL ?? `http://127.0.0.1:${settings.CONSOLE_PORT}`;
    const transport = openCommandTransport(process.env, url, [showToken(await readOperatorToken(process.env))]);
    await createClient(ControlService, transport).setTraffic({ ordersPerSecond: rate });
    process.stdout.write(rate === 0 ? 'The load has ended.\n' : `${rate} orders a second, until RATE=0.\n`);
  }
} catch (error) {
  process.stderr.write(`${describeFailure(error, url)}\n`);
  process.exitCode = 1;
}
