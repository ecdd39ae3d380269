// `make dead-letters`: shows the events that services of the running platform could not apply; has one applied again or forgotten.

import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { httpUrl, parseSettings, port } from '../../services/platform/base/settings.ts';
import { services } from '../shared/topology.ts';
import { type DeadLetterClient, parseDeadLetterArguments, runDeadLetterCommand } from './dead-letter-client.ts';

const HELP = `Lists the events that could not be applied, or deals with one of them.

  node local/commands/dead-letters.ts [options]

  --replay <id>     apply this one again and forget it
  --discard <id>    forget this one without applying it
  --service <name>  ask only this service; all of them by default
  --help            this text

Each service is looked for at <SERVICE>_URL, else at <SERVICE>_PORT of this machine.
`;

function openOffices(): DeadLetterClient[] {
  // Whoever applies events to a database of its own may have to set some aside.
  const keepers = services.filter(({ hasDatabase, consumes }) => hasDatabase && consumes.length > 0);
  const settings: Record<string, unknown> = parseSettings(
    process.env,
    Object.fromEntries(
      keepers.flatMap(({ name, portVariable, defaultPort }) => [
        [portVariable, port(defaultPort)],
        [`${name.toUpperCase()}_URL`, httpUrl('').unwrap().optional()],
      ]),
    ),
  );
  return keepers.map(({ name, portVariable }) => {
    const url = String(settings[`${name.toUpperCase()}_URL`] ?? `http://127.0.0.1:${settings[portVariable]}`);
    const ops = createClient(OpsService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }));
    return { service: name, url, ops };
  });
}

try {
  const given = parseDeadLetterArguments(process.argv.slice(2));
  if (given.action === 'help') {
    process.stdout.write(HELP);
  } else {
    const write = (line: string) => process.stdout.write(`${line}\n`);
    await runDeadLetterCommand(openOffices(), given, { write, now: new Date() });
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
