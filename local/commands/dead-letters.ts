// The program behind `make dead-letters`: lists, replays or discards the events that a service of the running platform failed to apply.

import { createClient } from '@connectrpc/connect';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { httpUrl, parseSettings, port } from '../../services/platform/base/settings.ts';
import { openCommandTransport } from '../identity/command-transport.ts';
import { readOperatorToken, showToken } from '../identity/operator-token.ts';
import { endWithReader } from '../shared/output-reader.ts';
import { services } from '../shared/topology.ts';
import { type DeadLetterClient, parseDeadLetterArguments, runDeadLetterCommand } from './dead-letter-client.ts';

const HELP = `Lists the dead letters of the running platform: events that a service failed to apply. Replays or discards one of them.

  make dead-letters [REPLAY=<id> | DISCARD=<id>] [SERVICE=<name>]
  node local/commands/dead-letters.ts [options]

  --replay <id>     apply this event again; on success its dead letter is deleted
  --discard <id>    delete this dead letter without applying the event
  --service <name>  ask this service only (default: all)
  --help            print this help

Each service is called at <SERVICE>_URL (default: 127.0.0.1:<SERVICE>_PORT), with the token in TOKEN or one of the running platform in
DATA_DIR (default: .data).
`;

async function createClients(): Promise<DeadLetterClient[]> {
  const token = await readOperatorToken(process.env);
  // Only a service that consumes events into a database stores dead letters.
  const consumers = services.filter(({ hasDatabase, consumes }) => hasDatabase && consumes.length > 0);
  const settings: Record<string, unknown> = parseSettings(
    process.env,
    Object.fromEntries(
      consumers.flatMap(({ name, portVariable, defaultPort }) => [
        [portVariable, port(defaultPort)],
        [`${name.toUpperCase()}_URL`, httpUrl('').unwrap().optional()],
      ]),
    ),
  );
  return consumers.map(({ name, portVariable }) => {
    const url = String(settings[`${name.toUpperCase()}_URL`] ?? `http://127.0.0.1:${settings[portVariable]}`);
    const transport = openCommandTransport(process.env, url, [showToken(token)]);
    const ops = createClient(OpsService, transport);
    return { service: name, url, ops };
  });
}

endWithReader();
try {
  const given = parseDeadLetterArguments(process.argv.slice(2));
  if (given.action === 'help') {
    process.stdout.write(HELP);
  } else {
    const write = (line: string) => process.stdout.write(`${line}\n`);
    await runDeadLetterCommand(await createClients(), given, { write, now: new Date() });
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
