// Runs the platform of one checkout as `make run` does, in a process of its own, so that the supervisor's processor time is measured and
// not mixed with that of the benchmark. Prints the log lines to stdout, reports the addresses to its parent, and stops at SIGTERM.
import { join } from 'node:path';
import type { Stack } from '../../../local/stack/stack.ts';
import { importLogLines, importSecrets, importStack } from './checkout.ts';
import { loadStatementCounterAtNextStart } from './statement-counter.ts';

export type DriverOptions = {
  /** The checkout. */
  readonly root: string;
  readonly dataDir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly countsStatements: boolean;
  /** All but monitor and console by default. */
  readonly services?: readonly StartedService[] | undefined;
};

export type StartedPlatform = {
  /** Empty when the order service is not among those that were started; the same for the next five. */
  readonly orderUrl: string;
  readonly inventoryUrl: string;
  readonly paymentUrl: string;
  readonly notificationUrl: string;
  readonly analyticsUrl: string;
  readonly monitorUrl: string;
  readonly databaseUrls: Readonly<Record<MeasuredService, string>>;
  readonly superuserUrl: string;
  /** What the issuer of tokens is made from. A secret. */
  readonly identitySeed: string;
  /** With TLS: path of the certificate (PEM) to verify the services by. */
  readonly authorityFile: string | undefined;
  readonly natsUrl: string;
  readonly providerUrl: string;
  readonly mailboxUrl: string;
  /** The process ids by name. */
  readonly pids: Readonly<Record<string, number>>;
};

export type MeasuredService = (typeof MEASURED_SERVICES)[number];
export type StartedService = MeasuredService | 'monitor';

/** The monitor is left out: its synthetic orders are no orders of the load. */
export const MEASURED_SERVICES = ['order', 'inventory', 'payment', 'notification', 'analytics'] as const;
const SUPERUSER = 'postgres';
const NAME_WIDTH = 12;

if (import.meta.main) await drive(JSON.parse(process.argv[2] ?? '') as DriverOptions);

async function drive({
  root,
  dataDir,
  environment,
  countsStatements,
  services = MEASURED_SERVICES,
}: DriverOptions): Promise<void> {
  const stop = new AbortController();
  const stopped = new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  process.on('SIGTERM', () => stop.abort(new Error('called off')));
  const { renderLine } = await importLogLines(root);
  const { startStack } = await importStack(root);
  const start = (chosen: readonly StartedService[]): Promise<Stack> =>
    startStack({
      dataDir,
      ports: 'free',
      services: chosen,
      environment,
      signal: stop.signal,
      log: (name, line) =>
        process.stdout.write(`${renderLine(name, line, { colour: false, nameWidth: NAME_WIDTH })}\n`),
    });
  if (countsStatements) {
    await using infrastructure = await start([]);
    const url = await superuserUrlOf(root, dataDir, infrastructure.databaseUrl('order'));
    await loadStatementCounterAtNextStart(url);
  }
  await using stack = await start(services);
  const pids: Record<string, number> = { supervisor: process.pid };
  for (const { name, pid } of stack.rows()) if (pid !== undefined) pids[name] = pid;
  const urlOf = (service: StartedService): string => (services.includes(service) ? stack.url(service) : '');
  const platform: StartedPlatform = {
    orderUrl: urlOf('order'),
    inventoryUrl: urlOf('inventory'),
    paymentUrl: urlOf('payment'),
    notificationUrl: urlOf('notification'),
    analyticsUrl: urlOf('analytics'),
    monitorUrl: urlOf('monitor'),
    databaseUrls: {
      order: stack.databaseUrl('order'),
      inventory: stack.databaseUrl('inventory'),
      payment: stack.databaseUrl('payment'),
      notification: stack.databaseUrl('notification'),
      analytics: stack.databaseUrl('analytics'),
    },
    superuserUrl: await superuserUrlOf(root, dataDir, stack.databaseUrl('order')),
    identitySeed: (await readPasswords(root, dataDir))('identity'),
    authorityFile: stack.url('provider').startsWith('https:') ? stack.authorityFile() : undefined,
    natsUrl: stack.natsUrl('admin'),
    providerUrl: stack.url('provider'),
    mailboxUrl: stack.url('mailbox'),
    pids,
  };
  process.send?.(platform);
  await stopped;
  process.disconnect?.();
}

async function superuserUrlOf(root: string, dataDir: string, databaseUrl: string): Promise<string> {
  const passwords = await readPasswords(root, dataDir);
  const url = new URL(databaseUrl);
  url.username = SUPERUSER;
  url.password = passwords('postgres:superuser');
  url.pathname = `/${SUPERUSER}`;
  return url.href;
}

async function readPasswords(root: string, dataDir: string) {
  return await (await importSecrets(root)).loadPasswords(join(dataDir, 'secret'));
}
