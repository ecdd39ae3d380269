// The program behind `make verify`: checks the invariants of the platform running on this machine. Exit code 0 when all hold, 1 when
// one does not, 2 when the platform cannot be inspected.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { parseArgs } from 'node:util';
import { authorityFile } from '#local/identity/stack-certificates.ts';
import { loadPasswords } from '#local/shared/secrets.ts';
import {
  databaseUrl,
  httpAddressOf,
  natsUrl,
  providerUrl,
  REPOSITORY_ROOT,
  type StackPlan,
} from '#local/stack/stack-plan.ts';
import { loadStackSettings } from '#local/stack/stack-settings.ts';
import { describeError } from '#services/platform/base/errors.ts';
import type { Environment } from '#services/platform/base/settings.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';
import { type InvariantSources, OWNERS } from './invariants/facts.ts';
import { collectFacts, judgeInvariants, waitForQuiescence } from './invariants/invariants.ts';
import { findPendingWork } from './invariants/quiescence.ts';
import { renderVerdicts, renderVerdictsAsJson } from './invariants/table.ts';

const VIOLATED = 1;
const NOT_UP = 2;
const HELP = `Judges the running platform by every invariant.

  node test/support/verify.ts [options]

  --timeout <seconds>   how long to wait until nothing is left to do, 60 by default
  --json                print the verdicts as JSON, in one line
  --help                this text

The platform is looked for where \`make run\` starts it, by the same settings.
`;

/** The platform is not running or cannot be inspected. */
class PlatformMissing extends Error {
  override readonly name = 'PlatformMissing';
}

// The verdict is the exit code, also when what reads the table has ended (`make verify | head -1`).
process.stdout.on('error', () => undefined);
process.exitCode = await verify().catch((error: unknown) => {
  process.stderr.write(`${scrubSecrets(describeError(error))}\n`);
  return NOT_UP;
});

async function verify(): Promise<number> {
  const { values } = parseArgs({
    options: {
      timeout: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!/^\d{1,5}$/.test(values.timeout))
    throw new Error(`--timeout: ${values.timeout} is not a whole number of seconds`);
  const sources = await findSources(process.env);
  await requirePlatform(sources);
  // A platform that does not become quiescent is judged in its current state: the first verdict says so.
  await waitForQuiescence(sources, { timeoutMs: Number(values.timeout) * 1_000 });
  const verdicts = judgeInvariants(await collectFacts(sources));
  process.stdout.write(`${values.json ? renderVerdictsAsJson(verdicts) : renderVerdicts(verdicts)}\n`);
  return verdicts.some(({ state }) => state === 'violated') ? VIOLATED : 0;
}

async function findSources(environment: Environment): Promise<InvariantSources> {
  const settings = loadStackSettings(environment);
  const dataDir = resolve(REPOSITORY_ROOT, settings.dataDir);
  const { databaseUrls, natsUrl: externalNatsUrl, smtpUrl } = settings.external;
  const isOwn = externalNatsUrl === undefined || OWNERS.some((service) => !databaseUrls.has(service));
  const secret = join(dataDir, 'secret');
  // Verification must not create the secret: a platform that never ran has none.
  if (settings.tls) trust(authorityFile(dataDir));
  if (isOwn && !existsSync(secret)) {
    throw new PlatformMissing(
      `No platform was ever started from ${settings.dataDir}: start it with \`make run\` first.`,
    );
  }
  const plan: StackPlan = {
    settings,
    environment,
    serviceEnvironment: {},
    dataDir,
    programsDir: '',
    servicesDir: '',
    services: [],
    infrastructure: [],
    durable: true,
    passwords: isOwn ? await loadPasswords(secret) : () => '',
    port: (variable) => settings.ports[variable] ?? 0,
  };
  return {
    databaseUrls: {
      order: databaseUrl(plan, 'order'),
      inventory: databaseUrl(plan, 'inventory'),
      payment: databaseUrl(plan, 'payment'),
      notification: databaseUrl(plan, 'notification'),
      analytics: databaseUrl(plan, 'analytics'),
    },
    natsUrl: natsUrl(plan, 'admin'),
    providerUrl: providerUrl(plan),
    mailboxUrl: smtpUrl === undefined ? httpAddressOf(plan, 'MAILBOX_HTTP_PORT') : undefined,
  };
}

// The certificates of a platform with TLS are signed by an authority of its own. The file is missing where it never ran with TLS.
function trust(file: string): void {
  if (!existsSync(file)) return;
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(file, 'utf8')]);
}

async function requirePlatform(sources: InvariantSources): Promise<void> {
  try {
    await findPendingWork(sources);
  } catch (cause) {
    const reason = scrubSecrets(describeError(cause));
    throw new PlatformMissing(`${reason}\nIs the platform up? Start it with \`make run\`, in another terminal.`, {
      cause,
    });
  }
}
