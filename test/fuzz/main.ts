// `make fuzz`: runs `kit fuzz` against each service of a platform of its own. Ctrl-C stops it and removes everything it started.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { print, runCommand } from '../support/command.ts';
import { NO_CUSTOMER_LIMIT } from '../support/identity/credentials.ts';
import { consumedEvents } from './consumed-events.ts';
import { generateEvents } from './event-generator.ts';
import { fuzzConsumer } from './fuzz-consumer.ts';
import { type FuzzSettings, HELP, readFuzzSettings } from './settings.ts';
import { openStackConsumer } from './stack-consumer.ts';

const KIT = fileURLToPath(new URL('../../packages/kit/command-line/main.ts', import.meta.url));
const STOPPED_MS = 20_000;
// These streams last as long as their watchers want.
const ENDLESS: Partial<Record<ServiceName, readonly string[]>> = {
  order: ['shop.order.v1.OrderService/WatchOrder'],
  analytics: ['shop.analytics.v1.AnalyticsService/WatchSales'],
};

await runCommand(main);

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readFuzzSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const chosen = services.map(({ name }) => name).filter((name) => name.includes(settings.only ?? ''));
  if (chosen.length === 0) throw new Error(`--only: no service is called ${settings.only}`);
  print('fuzz: starting the platform');
  await using folder = await createGuardedDirectory('touchstone-fuzz');
  await using stack = await startStack({
    dataDir: join(folder.path, 'data'),
    ports: 'free',
    durable: false,
    environment: { PATH: process.env.PATH, LOG_LEVEL: 'error', ...NO_CUSTOMER_LIMIT },
    signal,
  });
  let exitCode = 0;
  for (const name of chosen) {
    print(`\nfuzz: ${name}`);
    exitCode = Math.max(exitCode, await fuzzService(stack, name, settings, signal));
  }
  for (const name of settings.events === 0 ? [] : chosen) {
    exitCode = Math.max(exitCode, await fuzzEvents(stack, name, settings, signal));
  }
  const restarted = stack.rows().filter(({ restarts }) => restarts > 0);
  for (const { name, restarts } of restarted) print(`fuzz: ${name} was restarted ${restarts} times`);
  return restarted.length > 0 ? 1 : exitCode;
}

// The stream's events of the service before are handled by then, so only those of this run are judged.
async function fuzzEvents(
  stack: Stack,
  name: ServiceName,
  { seed, events: count }: FuzzSettings,
  signal: AbortSignal,
): Promise<number> {
  let exitCode = 0;
  for (const { producer, schemas } of consumedEvents(name)) {
    print(`\nfuzz: events of ${producer} for ${name}`);
    await using consumer = await openStackConsumer(stack, name, producer);
    const events = (await Promise.all(schemas.map((schema) => generateEvents(schema, { seed, count })))).flat();
    const report = await fuzzConsumer(consumer, events, { timeoutMs: STOPPED_MS, signal });
    for (const finding of report.findings) print(finding);
    print(
      `${report.events} events, ${report.deadLetters} dead letters: ${report.findings.length} findings; seed ${seed}`,
    );
    if (report.findings.length > 0) exitCode = 1;
  }
  return exitCode;
}

async function fuzzService(
  stack: Stack,
  name: ServiceName,
  settings: FuzzSettings,
  signal: AbortSignal,
): Promise<number> {
  const token = await stack.token('operator', 'fuzz');
  const { pid } = stack.rows().find((row) => row.name === name) ?? {};
  const bounds = ['seed', 'calls', 'seconds'] as const;
  const child = spawn(
    process.execPath,
    [
      KIT,
      'fuzz',
      stack.url(name),
      ...bounds.flatMap((bound) => [`--${bound}`, String(settings[bound])]),
      ...(ENDLESS[name] ?? []).flatMap((rpc) => ['--endless', rpc]),
      ...(pid === undefined ? [] : ['--pid', String(pid)]),
      ...['--timeout', '10000', '--header', `authorization: Bearer ${token}`],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
