// The program behind `make token`: prints a token for calling the running platform.

import { parseArgs } from 'node:util';
import { parseSettings, z } from '../../services/platform/base/settings.ts';
import { TOKEN_ROLES } from '../../services/platform/identity/caller.ts';
import { readTokenIssuer } from '../identity/token-issuer.ts';
import { endWithReader } from '../shared/output-reader.ts';

const MAX_HOURS = 24;
const HELP = `Prints a token for calling the platform that runs on this machine.

  make token ROLE=operator [SUBJECT=<name>] [HOURS=<1 to ${MAX_HOURS}>]
  node local/commands/token.ts [options]

  --role <role>        operator, customer or monitor
  --subject <name>     the customer's id, or the name that the audit log shows (default: the role)
  --hours <number>     how long the token is valid (default: 8)
  --help               print this help

Send it as a header: authorization: Bearer <token>. The key that signs it belongs to the data directory, DATA_DIR (default: .data).
`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      role: { type: 'string' },
      subject: { type: 'string' },
      hours: { type: 'string', default: '8' },
      help: { type: 'boolean', default: false },
    },
  });
  // A token of a service is not for people: the stack gives each service its own.
  const role = TOKEN_ROLES.find((known) => known === values.role && known !== 'service');
  if (!values.help && role === undefined)
    throw new Error('--role: must be operator, customer or monitor (ROLE=operator)');
  const hours = Number(values.hours);
  if (!Number.isInteger(hours) || hours < 1 || hours > MAX_HOURS) {
    throw new Error(`--hours: must be a whole number from 1 to ${MAX_HOURS}, is ${values.hours}`);
  }
  return { help: values.help, role: role ?? 'operator', subject: values.subject ?? role ?? '', hours };
}

endWithReader();
try {
  const { help, role, subject, hours } = readArguments();
  if (help) {
    process.stdout.write(HELP);
  } else {
    const { DATA_DIR } = parseSettings(process.env, { DATA_DIR: z.string().default('.data') });
    const issuer = await readTokenIssuer(DATA_DIR);
    process.stdout.write(`${await issuer.issue({ role, subject, lifetimeMs: hours * 3_600_000 })}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
