// The stacks that test files of one run share: starting a stack takes ten times as long as placing an order. The process of vitest's
// globalSetup owns them. Workers reach them over a socket in a private folder; the first that asks for a stack has it started.
import { chmod } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestProject } from 'vitest/node';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import type { ProcessName, Stack, StackOptions, StackRow } from '#local/stack/stack.ts';
import { createDataTemplate } from './data-template.ts';
import { type OwnStack, startOwnStack } from './own-stack.ts';
import { PATIENT_DATABASE } from './patience.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly sharedStacksSocket: string;
  }
}

const EVERY_SERVICE = services.map(({ name }) => name);

type SharedStackOptions = Pick<StackOptions, 'services'> & {
  readonly environment: Record<string, string>;
  /** Whether one test file has the stack for itself at a time. */
  readonly isExclusive: boolean;
  /** The process of an exclusive stack that is stopped while no file has it, because it works all the time. */
  readonly restless?: ProcessName;
};

// Breakers allow a probe soon, so that one test's outage is over before the next test starts. Statements may wait on a slow machine, but not
// as long as elsewhere: an order that a killed replica has begun is resumed that much later.
const QUICK_RECOVERY = {
  DATABASE_TIMEOUT_MS: '2000',
  BREAKER_RESET_MS: '500',
  PAYMENT_PROVIDER_TIMEOUT_MS: '6000',
  PAYMENT_SETTLE_AFTER_MS: '500',
};

// A slow payment ends within its call: five that time out in a row would open the breaker for the other files.
const NO_TIMEOUTS = {
  PAYMENT_PROVIDER_SLOW_CAPTURE_MS: '3500',
  ORDER_BUDGET_MS: '20000',
  ORDER_INVENTORY_TIMEOUT_MS: '10000',
  ORDER_PAYMENT_TIMEOUT_MS: '18000',
  PAYMENT_PROVIDER_TIMEOUT_MS: '15000',
  // A slow machine lets calls and statements wait instead of failing them.
  MAX_QUEUE_MS: '30000',
  ...PATIENT_DATABASE,
};

const STACKS = {
  /** For files that place orders and read; all its processes stay up, and no breaker opens. */
  steady: { isExclusive: false, environment: NO_TIMEOUTS },
  /** For files that stop and kill processes; two, so that not all of them wait for each other. */
  disturbed: { isExclusive: true, environment: QUICK_RECOVERY },
  restarted: { isExclusive: true, environment: QUICK_RECOVERY },
  /** With the monitor, whose journeys run all the time. */
  monitored: {
    isExclusive: true,
    restless: 'monitor',
    environment: { JOURNEY_INTERVAL_MS: '2000', JOURNEY_LIMIT_MS: '5000', ...PATIENT_DATABASE },
    services: EVERY_SERVICE,
  },
} satisfies Record<string, SharedStackOptions>;

export type SharedStackName = keyof typeof STACKS;

/** What a stack is reached by; the same while it runs. */
type Addresses = {
  readonly services: readonly ServiceName[];
  readonly urls: Record<string, string>;
  readonly smtpUrl: string;
  readonly databaseUrls: Record<string, string>;
  readonly natsUrls: Record<string, string>;
  readonly syntheticCredential: string;
  readonly identitySeed: string;
};

/** The part of a stack that its owner and the other processes of the run can use alike. */
export type StackControl = Pick<
  Stack,
  | 'services'
  | 'url'
  | 'smtpUrl'
  | 'databaseUrl'
  | 'natsUrl'
  | 'syntheticCredential'
  | 'identitySeed'
  | 'kill'
  | 'stop'
  | 'start'
  | 'waitUntilHealthy'
> & {
  rows(): StackRow[] | Promise<StackRow[]>;
};

type Request = { readonly action: 'template' } | StackRequest;

type StackRequest = {
  readonly name: SharedStackName;
  readonly action: 'acquire' | 'output' | 'rows' | 'kill' | 'stop' | 'start' | 'waitUntilHealthy';
  readonly given?: readonly unknown[];
};

/** For vitest's globalSetup: provides the shared stacks to the run's tests. Returns the teardown that stops them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-test'));
  // The database's account must be able to traverse this folder.
  await chmod(folder.path, 0o711);
  const templateFolder = join(folder.path, 'template');
  let template: Promise<void> | undefined;
  const ensureTemplate = async (): Promise<string> => {
    template ??= createDataTemplate(templateFolder);
    await template;
    return templateFolder;
  };
  const started = new Map<SharedStackName, Promise<OwnStack>>();
  const turns = new Map<SharedStackName, Promise<void>>();

  const run = (name: SharedStackName): Promise<OwnStack> => {
    const { environment, services: names }: SharedStackOptions = STACKS[name];
    const options = names && { services: names };
    const running = started.get(name) ?? ensureTemplate().then((path) => startOwnStack(path, environment, options));
    started.set(name, running);
    return running;
  };
  /** Waits for the turn of this connection, which lasts until it ends. */
  const takeTurn = async (name: SharedStackName, socket: Socket): Promise<void> => {
    const { isExclusive, restless }: SharedStackOptions = STACKS[name];
    if (!isExclusive) return;
    const before = turns.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once('close', () => resolve());
    const stopRestless = async () => {
      const running = await started.get(name);
      if (restless) await running?.stack.stop(restless);
    };
    turns.set(name, Promise.allSettled([before, promise.then(stopRestless)]).then(noop));
    await before;
    const running = await started.get(name);
    if (restless) await running?.stack.start(restless);
  };
  const answer = async (request: Request, socket: Socket): Promise<unknown> => {
    if (request.action === 'template') return await ensureTemplate();
    const { name, action, given = [] } = request;
    if (action === 'acquire') await takeTurn(name, socket);
    const { stack, output } = await run(name);
    if (action === 'output') return output;
    if (action === 'acquire') return addressesOf(stack);
    if (action === 'rows') return stack.rows();
    return await Reflect.apply(stack[action] as (...all: unknown[]) => Promise<void>, stack, [...given]);
  };
  const server = createServer((socket) => {
    let received = '';
    socket.on('error', noop);
    socket.setEncoding('utf8').on('data', async (chunk: string) => {
      received += chunk;
      if (!received.endsWith('\n')) return;
      const request = JSON.parse(received) as Request;
      const response = await answer(request, socket).then(
        (value) => ({ value: value ?? null }),
        (error: unknown) => ({ failure: String(error) }),
      );
      const line = `${JSON.stringify(response)}\n`;
      // The connection of a turn stays open.
      if (request.action === 'acquire') socket.write(line);
      else socket.end(line);
    });
  });
  const path = join(folder.path, 'stacks.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  resources.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  project.provide('sharedStacksSocket', path);
  return async () => {
    const running = await Promise.allSettled(started.values());
    await Promise.allSettled([template]);
    await Promise.all(
      running.map((result) => (result.status === 'fulfilled' ? result.value[Symbol.asyncDispose]() : undefined)),
    );
    await resources.disposeAsync();
  };
}

export type SharedStack = AsyncDisposable & {
  readonly stack: StackControl;
  /** The lines that the processes have printed since the start of the stack. */
  readOutput(): Promise<readonly string[]>;
};

/**
 * Returns a stack that other test files of the run use too. An exclusive one is this file's alone until it is disposed of.
 * @throws {Error} when the stack does not start, or a process does not become healthy.
 */
export async function acquireSharedStack(path: string, name: SharedStackName): Promise<SharedStack> {
  const ask = <Value>(action: StackRequest['action'], ...all: unknown[]): Promise<Value> => {
    const given = all.filter((value) => value !== undefined);
    return askOwner<Value>(path, { name, action, given });
  };
  const turn = createConnection(path);
  turn.write(`${JSON.stringify({ name, action: 'acquire' } satisfies StackRequest)}\n`);
  const addresses = await readFirstLine<Addresses>(turn).catch((error: unknown) => {
    // A stack that did not start is not kept from the next file.
    turn.destroy();
    throw error;
  });
  const { urls, databaseUrls, natsUrls, smtpUrl, syntheticCredential, identitySeed, services } = addresses;
  const known = (all: Record<string, string>, key: string): string => {
    const found = all[key];
    if (found === undefined) throw new Error(`the stack ${name} has no ${key}`);
    return found;
  };
  const stack: StackControl = {
    services,
    url: (process) => known(urls, process),
    smtpUrl: () => smtpUrl,
    databaseUrl: (service) => known(databaseUrls, service),
    natsUrl: (user) => known(natsUrls, user),
    syntheticCredential: () => syntheticCredential,
    identitySeed: () => identitySeed,
    rows: () => ask<StackRow[]>('rows'),
    kill: (process, signal) => ask('kill', process, signal),
    stop: (process, graceMs) => ask('stop', process, graceMs),
    start: (process) => ask('start', process),
    waitUntilHealthy: (process, deadlineMs) => ask('waitUntilHealthy', process, deadlineMs),
  };
  return {
    stack,
    readOutput: () => ask<readonly string[]>('output'),
    async [Symbol.asyncDispose]() {
      try {
        const rows = await ask<StackRow[]>('rows');
        const down = rows.filter(({ health }) => health === 'stopped').map(({ name: process }) => process);
        await Promise.all(down.map((process: ProcessName) => stack.start(process)));
      } finally {
        turn.destroy();
      }
    },
  };
}

/** Returns the folder of a stack's data from which the run's stacks are copied. */
export function requestDataTemplate(path: string): Promise<string> {
  return askOwner<string>(path, { action: 'template' });
}

async function askOwner<Value>(path: string, request: Request): Promise<Value> {
  const socket = createConnection(path);
  socket.write(`${JSON.stringify(request)}\n`);
  return readResponse<Value>(await text(socket));
}

function addressesOf(stack: Stack): Addresses {
  const all = <Key extends string>(keys: readonly Key[], read: (key: Key) => string): Record<string, string> =>
    Object.fromEntries(keys.map((key) => [key, read(key)]));
  return {
    services: stack.services,
    urls: all([...stack.services, 'provider', 'mailbox'] as const, (process) => stack.url(process)),
    smtpUrl: stack.smtpUrl(),
    databaseUrls: all(EVERY_SERVICE, (service) => stack.databaseUrl(service)),
    natsUrls: all([...EVERY_SERVICE, 'admin'] as const, (user) => stack.natsUrl(user)),
    syntheticCredential: stack.syntheticCredential(),
    identitySeed: stack.identitySeed(),
  };
}

function readFirstLine<Value>(socket: Socket): Promise<Value> {
  return new Promise((resolve, reject) => {
    let received = '';
    socket.setEncoding('utf8');
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the owner of the shared stacks has ended')));
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (!received.endsWith('\n')) return;
      try {
        resolve(readResponse<Value>(received));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function readResponse<Value>(line: string): Value {
  const { value, failure } = JSON.parse(line) as { value: Value; failure?: string };
  if (failure !== undefined) throw new Error(failure);
  return value;
}

function noop(): void {
  // A worker that has gone away gets no answer.
}
