// The local stack as one thing: started as a whole, each part kept alive, stopped as a whole. `make run` and the tests use it.

import type { Environment } from '../../services/platform/base/settings.ts';
import { type ProcessState, SupervisedProcess } from '../process/supervised-process.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { type ServiceName, serviceTopology } from '../shared/topology.ts';
import { lockDataDirectory } from './data-lock.ts';
import { defineInfrastructure, defineService, type LogLine } from './process-definitions.ts';
import {
  addressOf,
  databaseUrl,
  type InfrastructureName,
  natsUrl,
  type ProcessName,
  planStack,
  providerUrl,
  type StackPlan,
  smtpUrl,
  syntheticCredential,
} from './stack-plan.ts';
import { loadStackSettings } from './stack-settings.ts';

export type { ProcessName } from './stack-plan.ts';

const HEALTH_DEADLINE_MS = 60_000;
const STOP_GRACE_MS = 10_000;

export type StackOptions = {
  /** Settings by name, as in the README; process.env where a person starts it. Default none. */
  environment?: Environment;
  /** Overrides DATA_DIR. */
  dataDir?: string;
  /** `defaults` takes them from the environment, else the well-known ones; `free` lets the system choose all. */
  ports?: 'defaults' | 'free';
  /** Default all that exist. */
  services?: readonly ServiceName[];
  /** Added to the environment of single services, where it wins: `{ order: { PAYMENT_URL: proxy.url } }`. */
  serviceEnvironment?: Partial<Record<ServiceName, Record<string, string>>>;
  /** Where `<service>/main.ts` is found. Default this repository's services. */
  servicesDir?: string;
  /** False gives up what survives a crash of the machine, for speed in tests. Default true. */
  durable?: boolean;
  /** Takes every line that a part prints, and the supervisor's own under `stack`. */
  log?: LogLine;
  /** How long each part may take to become healthy. Default 60,000. */
  healthDeadlineMs?: number;
  /** Calls the start off. */
  signal?: AbortSignal;
  clock?: Clock;
};

export type StackRow = {
  name: ProcessName;
  /** Without any password. */
  address: string;
  pid: number | undefined;
  health: ProcessState | 'external';
  restarts: number;
};

export interface Stack extends AsyncDisposable {
  readonly services: readonly ServiceName[];
  /** One row for each part, infrastructure first. */
  rows(): StackRow[];
  /** The base address of a service, of the provider, or of the mailbox's HTTP side. */
  url(part: ServiceName | 'provider' | 'mailbox'): string;
  smtpUrl(): string;
  /** A connection string, password included. */
  databaseUrl(service: ServiceName): string;
  /** A connection string, password included; `admin` may do everything. */
  natsUrl(user: ServiceName | 'admin'): string;
  /** What allows synthetic orders. */
  syntheticCredential(): string;
  /** Sends a signal; what dies of it is started again. After SIGKILL resolves when the process is gone, else at once. */
  kill(part: ProcessName, signal?: NodeJS.Signals): Promise<void>;
  /** Ends a part, SIGTERM first, and leaves it down. `graceMs` 10,000. */
  stop(part: ProcessName, graceMs?: number): Promise<void>;
  /** Starts a part that was stopped; resolves when it is healthy. */
  start(part: ProcessName): Promise<void>;
  waitUntilHealthy(part: ProcessName, deadlineMs?: number): Promise<void>;
  pid(part: ProcessName): number | undefined;
  /** How many times it was started again after dying. */
  restarts(part: ProcessName): number;
  /** Stops services, then infrastructure; nothing is left. The same for every call after the first. */
  close(): Promise<void>;
}

/**
 * Starts the stack and resolves when every part is healthy. Throws ConfigError, PortsUnavailableError, or what kept a part from
 * becoming healthy; then nothing is left running.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const environment = options.environment ?? {};
  const settings = loadStackSettings(
    options.dataDir === undefined ? environment : { ...environment, DATA_DIR: options.dataDir },
  );
  const plan = await planStack({
    settings,
    environment,
    serviceEnvironment: options.serviceEnvironment ?? {},
    durable: options.durable ?? true,
    servicesDir: options.servicesDir,
    services: options.services,
    freePorts: options.ports === 'free',
  });
  const stack = new RunningStack(plan, await lockDataDirectory(plan.dataDir), options);
  try {
    await stack.bringUp(options.signal);
    return stack;
  } catch (error) {
    await stack.close();
    throw error;
  }
}

class RunningStack implements Stack {
  readonly #plan: StackPlan;
  readonly #lock: AsyncDisposable;
  readonly #parts = new Map<ProcessName, SupervisedProcess>();
  readonly #healthDeadlineMs: number;
  #closing: Promise<void> | undefined;

  constructor(plan: StackPlan, lock: AsyncDisposable, options: StackOptions) {
    this.#plan = plan;
    this.#lock = lock;
    this.#healthDeadlineMs = options.healthDeadlineMs ?? HEALTH_DEADLINE_MS;
    const log: LogLine = options.log ?? (() => undefined);
    const clock = options.clock ?? systemClock;
    const report = (name: ProcessName) => (line: string) => log('stack', `${name} ${line}`);
    for (const name of plan.infrastructure) {
      const definition = defineInfrastructure(plan, name, log);
      this.#parts.set(name, new SupervisedProcess({ ...definition, name, clock, report: report(name) }));
    }
    for (const name of plan.services) {
      const definition = defineService(plan, name, log);
      this.#parts.set(name, new SupervisedProcess({ ...definition, name, clock, report: report(name) }));
    }
  }

  async bringUp(signal: AbortSignal | undefined): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([aborted.promise, this.#startAll()]);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Services need the database and the broker; provider and mailbox may come up beside them. */
  async #startAll(): Promise<void> {
    const { infrastructure } = this.#plan;
    const ground = infrastructure.filter(isGround);
    const others = infrastructure.filter((name) => !isGround(name));
    const startServices = async () => {
      await Promise.all(ground.map((name) => this.start(name)));
      await Promise.all(this.#plan.services.map((name) => this.start(name)));
    };
    await Promise.all([startServices(), ...others.map((name) => this.start(name))]);
  }

  get services(): readonly ServiceName[] {
    return this.#plan.services;
  }

  rows(): StackRow[] {
    const { settings, services } = this.#plan;
    const infrastructure: InfrastructureName[] = ['postgres', 'nats', 'provider', 'mailbox'];
    return [...infrastructure, ...services].map((name) => {
      const part = this.#parts.get(name);
      if (part === undefined) {
        return {
          name,
          address: externalAddress(settings.external, name),
          pid: undefined,
          health: 'external',
          restarts: 0,
        };
      }
      return {
        name,
        address: localAddress(this.#plan, name),
        pid: part.pid,
        health: part.state,
        restarts: part.restarts,
      };
    });
  }

  url(part: ServiceName | 'provider' | 'mailbox'): string {
    if (part === 'provider') return providerUrl(this.#plan);
    const variable = part === 'mailbox' ? 'MAILBOX_HTTP_PORT' : serviceTopology(part).portVariable;
    return `http://${addressOf(this.#plan, variable)}`;
  }

  smtpUrl(): string {
    return smtpUrl(this.#plan);
  }

  databaseUrl(service: ServiceName): string {
    return databaseUrl(this.#plan, service);
  }

  natsUrl(user: ServiceName | 'admin'): string {
    return natsUrl(this.#plan, user);
  }

  syntheticCredential(): string {
    return syntheticCredential(this.#plan);
  }

  async kill(part: ProcessName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const sent = await this.#part(part).kill(signal);
    if (!sent) throw new Error(`${part} has no process now`);
  }

  stop(part: ProcessName, graceMs = STOP_GRACE_MS): Promise<void> {
    return this.#part(part).stop(graceMs);
  }

  async start(part: ProcessName): Promise<void> {
    if (this.#closing !== undefined) throw new Error(`${part} is not started: the stack is closing`);
    await this.#part(part).start(this.#healthDeadlineMs);
  }

  waitUntilHealthy(part: ProcessName, deadlineMs = this.#healthDeadlineMs): Promise<void> {
    return this.#part(part).waitUntilHealthy(deadlineMs);
  }

  pid(part: ProcessName): number | undefined {
    return this.#part(part).pid;
  }

  restarts(part: ProcessName): number {
    return this.#part(part).restarts;
  }

  close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #stopAll(): Promise<void> {
    const { services, infrastructure } = this.#plan;
    await Promise.all(services.map((name) => this.stop(name)));
    await Promise.all(infrastructure.map((name) => this.stop(name)));
    await this.#lock[Symbol.asyncDispose]();
  }

  #part(name: ProcessName): SupervisedProcess {
    const part = this.#parts.get(name);
    if (part === undefined) throw new Error(`${name} is not a part of this stack`);
    return part;
  }
}

/** What services cannot start without. */
function isGround(name: InfrastructureName): boolean {
  return name === 'postgres' || name === 'nats';
}

function localAddress(plan: StackPlan, name: ProcessName): string {
  switch (name) {
    case 'postgres':
      return `127.0.0.1:${plan.port('POSTGRES_PORT')}`;
    case 'nats':
      return `127.0.0.1:${plan.port('NATS_PORT')}`;
    case 'provider':
      return `http://${addressOf(plan, 'PAYMENT_PROVIDER_PORT')}`;
    case 'mailbox':
      return `http://${addressOf(plan, 'MAILBOX_HTTP_PORT')}/messages, ${smtpUrl(plan)}`;
    default:
      return `http://${addressOf(plan, serviceTopology(name).portVariable)}`;
  }
}

/** Host and port only: the rest of a connection string is for those it was given to. */
function externalAddress(external: StackPlan['settings']['external'], name: ProcessName): string {
  const urls: Partial<Record<ProcessName, string | undefined>> = {
    nats: external.natsUrl,
    provider: external.paymentProviderUrl,
    mailbox: external.smtpUrl,
  };
  const given = name === 'postgres' ? [...external.databaseUrls.values()] : [urls[name]];
  return [...new Set(given.map((url) => (url === undefined ? '-' : new URL(url).host)))].join(', ');
}
