// The local stack: starts, supervises and stops the platform's processes, for `make run` and the tests.

import type { Environment } from '../../services/platform/base/settings.ts';
import { buildPrograms } from '../build/programs.ts';
import type { ControlServer } from '../control/control-server.ts';
import { createLogMemory } from '../control/log-memory.ts';
import { keysFile, provideIdentity } from '../identity/identity-files.ts';
import { authorityFile, provideCertificates } from '../identity/stack-certificates.ts';
import { createTokenIssuer, type Role, type TokenIssuer } from '../identity/token-issuer.ts';
import { type ProcessState, SupervisedProcess } from '../process/supervised-process.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import type { ServiceName } from '../shared/topology.ts';
import { configureService, controlledStack } from './controlled-stack.ts';
import { type DataLock, lockDataDirectory } from './data-lock.ts';
import { externalAddress, localAddress, portVariableOfProcess } from './process-addresses.ts';
import { defineInfrastructure, defineService, type LogLine, type ProcessDefinition } from './process-definitions.ts';
import {
  databaseUrl,
  httpAddressOf,
  type InfrastructureName,
  identitySeed,
  migrationUrl,
  natsUrl,
  type ProcessName,
  planStack,
  processNameOf,
  providerUrl,
  type ReplicaName,
  replicaNumbers,
  type StackPlan,
  smtpUrl,
  syntheticCredential,
} from './stack-plan.ts';
import { loadStackSettings } from './stack-settings.ts';

export type { ProcessName } from './stack-plan.ts';

const HEALTH_DEADLINE_MS = 60_000;
const STOP_GRACE_MS = 10_000;
const TRUST_DOMAIN = 'touchstone.local';
const TOKEN_LIFETIME_MS = 3_600_000;

export type StackOptions = {
  /** Settings by name; `make run` passes process.env. Default none. */
  environment?: Environment;
  /** Overrides DATA_DIR. */
  dataDir?: string;
  /** `defaults`: from the environment, else the documented ones; `free`: the system chooses all. Default `defaults`. */
  ports?: 'defaults' | 'free';
  /** Default all but the console. */
  services?: readonly ServiceName[];
  /** Overrides settings of single services: `{ order: { PAYMENT_URL: proxy.url } }`. */
  serviceEnvironment?: Partial<Record<ServiceName, Record<string, string>>>;
  /** The folder of `<service>/main.ts` or `main.js`. Default the bundles of this repository's services. */
  servicesDir?: string;
  /** False trades durability across a crash of the machine for speed in tests. Default true. */
  durable?: boolean;
  /** Receives every line that a process prints, and the supervisor's own as `stack`. */
  log?: LogLine;
  /** How long each process may take to become healthy. Default 60,000. */
  healthDeadlineMs?: number;
  /** Cancels the start. */
  signal?: AbortSignal;
  clock?: Clock;
};

export type StackRow = {
  name: ProcessName;
  /** Holds no password. */
  address: string;
  pid: number | undefined;
  health: ProcessState | 'external';
  restarts: number;
};

export interface Stack extends AsyncDisposable {
  readonly services: readonly ServiceName[];
  /** One row for each process, infrastructure first. */
  rows(): StackRow[];
  /** The base address of a replica (`order` is the first one, `order-2` the second), of the provider, or of the mailbox's HTTP side. */
  url(process: ServiceName | ReplicaName | 'provider' | 'mailbox'): string;
  smtpUrl(): string;
  /** A connection string, password included. */
  databaseUrl(service: ServiceName): string;
  /** The connection string of the role that owns a service's database, password included. */
  ownerDatabaseUrl(service: ServiceName): string;
  /** A connection string, password included; `admin` may do everything. */
  natsUrl(user: ServiceName | 'admin'): string;
  /** Issues a token that the services accept for an hour. */
  token(role: Role, subject: string): Promise<string>;
  /** What the issuer of tokens is made from. A secret. */
  identitySeed(): string;
  /** With TLS: path of the certificate to verify its services by. */
  authorityFile(): string;
  /** The secret that allows synthetic orders. */
  syntheticCredential(): string;
  /** Sends a signal; a process that dies is restarted. After SIGKILL, resolves when it has ended; after other signals immediately. */
  kill(process: ProcessName, signal?: NodeJS.Signals): Promise<void>;
  /** Stops a process without restarting it; sends SIGKILL after `graceMs`, default 10,000. */
  stop(process: ProcessName, graceMs?: number): Promise<void>;
  /** Starts a stopped process; resolves when it is healthy. */
  start(process: ProcessName): Promise<void>;
  waitUntilHealthy(process: ProcessName, deadlineMs?: number): Promise<void>;
  pid(process: ProcessName): number | undefined;
  /** How often it was restarted after dying. */
  restarts(process: ProcessName): number;
  /** Stops the services, then the infrastructure. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the stack and resolves when every process is healthy. When it throws, it has stopped every process it started.
 * @throws {ConfigError} for invalid settings.
 * @throws {PortsUnavailableError} for taken ports.
 * @throws {Error} naming a process that did not become healthy.
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
    programsDir: await buildPrograms(),
    servicesDir: options.servicesDir,
    services: options.services,
    freePorts: options.ports === 'free',
    log: (line) => options.log?.('stack', line),
    signal: options.signal,
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
  readonly #lock: DataLock;
  readonly #processes = new Map<ProcessName, SupervisedProcess>();
  readonly #healthDeadlineMs: number;
  readonly #log: LogLine;
  readonly #issuer: TokenIssuer;
  #identity: Disposable | undefined;
  readonly #logs = createLogMemory();
  #control: ControlServer | undefined;
  #closing: Promise<void> | undefined;

  constructor(plan: StackPlan, lock: DataLock, options: StackOptions) {
    this.#plan = plan;
    this.#lock = lock;
    this.#healthDeadlineMs = options.healthDeadlineMs ?? HEALTH_DEADLINE_MS;
    const print: LogLine = options.log ?? (() => undefined);
    const log: LogLine = (process, line) => {
      if (plan.services.includes('console')) this.#logs.add(process, line);
      print(process, line);
    };
    this.#log = log;
    this.#issuer = createTokenIssuer(identitySeed(plan));
    const clock = options.clock ?? systemClock;
    const report = (name: ProcessName) => (line: string) => log('stack', `${name} ${line}`);
    for (const name of plan.infrastructure) {
      const definition = recorded(lock, name, defineInfrastructure(plan, name, log));
      this.#processes.set(name, new SupervisedProcess({ ...definition, name, clock, report: report(name) }));
    }
    for (const { name, service, replica } of replicasOf(plan)) {
      const definition = recorded(lock, name, defineService(plan, service, replica, log));
      this.#processes.set(name, new SupervisedProcess({ ...definition, name, clock, report: report(name) }));
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

  /** Services start after the database and the broker; the provider and the mailbox start in parallel. */
  async #startAll(): Promise<void> {
    const { dataDir, settings, infrastructure: servers, services: callers } = this.#plan;
    if (settings.tls) {
      const uri = (name: string) => `spiffe://${TRUST_DOMAIN}/${name}`;
      // The monitor is no service to others: its token says what it is.
      const holders = [...servers, ...callers].map((name) => (name === 'order' ? { name, uri: uri(name) } : { name }));
      await provideCertificates(dataDir, [settings.host], holders);
    }
    this.#identity = await provideIdentity(dataDir, this.#issuer, (error) =>
      this.#log('stack', `tokens could not be renewed: ${error}`),
    );
    const { infrastructure } = this.#plan;
    const core = infrastructure.filter(isCore);
    const extras = infrastructure.filter((name) => !isCore(name));
    if (callers.includes('console')) await this.#openControl();
    const startServices = async () => {
      await Promise.all(core.map((name) => this.start(name)));
      await Promise.all(replicasOf(this.#plan).map(({ name }) => this.start(name)));
    };
    await Promise.all([startServices(), ...extras.map((name) => this.start(name))]);
  }

  /** The console breaks and heals the stack through a port of this process, on loopback. */
  async #openControl(): Promise<void> {
    const plan = this.#plan;
    // Loaded here, because a stack without a console does not need it.
    const { startControlServer } = await import('../control/control-server.ts');
    const stack = controlledStack(this, plan, () => this.token('operator', 'console'), this.#logs);
    this.#control = await startControlServer(stack, keysFile(plan.dataDir));
    configureService(plan, 'console', { LOCAL_CONTROL_URL: this.#control.url });
    if (!stack.sendsSpans) return;
    for (const service of plan.services) configureService(plan, service, this.#control.spanSettings);
  }

  get services(): readonly ServiceName[] {
    return this.#plan.services;
  }

  rows(): StackRow[] {
    const { settings } = this.#plan;
    const infrastructure: InfrastructureName[] = ['postgres', 'nats', 'provider', 'mailbox'];
    return [...infrastructure, ...replicasOf(this.#plan).map(({ name }) => name)].map((name) => {
      const supervised = this.#processes.get(name);
      if (supervised === undefined) {
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
        pid: supervised.pid,
        health: supervised.state,
        restarts: supervised.restarts,
      };
    });
  }

  url(process: ServiceName | ReplicaName | 'provider' | 'mailbox'): string {
    if (process === 'provider') return providerUrl(this.#plan);
    return httpAddressOf(this.#plan, process === 'mailbox' ? 'MAILBOX_HTTP_PORT' : portVariableOfProcess(process));
  }

  smtpUrl(): string {
    return smtpUrl(this.#plan);
  }

  databaseUrl(service: ServiceName): string {
    return databaseUrl(this.#plan, service);
  }

  ownerDatabaseUrl(service: ServiceName): string {
    return migrationUrl(this.#plan, service) ?? this.databaseUrl(service);
  }

  natsUrl(user: ServiceName | 'admin'): string {
    return natsUrl(this.#plan, user);
  }

  token(role: Role, subject: string): Promise<string> {
    return this.#issuer.issue({ role, subject, lifetimeMs: TOKEN_LIFETIME_MS });
  }

  authorityFile(): string {
    return authorityFile(this.#plan.dataDir);
  }

  identitySeed(): string {
    return identitySeed(this.#plan);
  }

  syntheticCredential(): string {
    return syntheticCredential(this.#plan);
  }

  async kill(process: ProcessName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const sent = await this.#process(process).kill(signal);
    if (!sent) throw new Error(`${process} has no process now`);
  }

  stop(process: ProcessName, graceMs = STOP_GRACE_MS): Promise<void> {
    return this.#process(process).stop(graceMs);
  }

  async start(process: ProcessName): Promise<void> {
    if (this.#closing !== undefined) throw new Error(`${process} is not started: the stack is closing`);
    await this.#process(process).start(this.#healthDeadlineMs);
  }

  waitUntilHealthy(process: ProcessName, deadlineMs = this.#healthDeadlineMs): Promise<void> {
    return this.#process(process).waitUntilHealthy(deadlineMs);
  }

  pid(process: ProcessName): number | undefined {
    return this.#process(process).pid;
  }

  restarts(process: ProcessName): number {
    return this.#process(process).restarts;
  }

  close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #stopAll(): Promise<void> {
    const { infrastructure } = this.#plan;
    // At once: the control port may be waiting for a service to become healthy.
    await Promise.all([
      this.#control?.[Symbol.asyncDispose](),
      ...replicasOf(this.#plan).map(({ name }) => this.stop(name)),
    ]);
    await Promise.all(infrastructure.map((name) => this.stop(name)));
    this.#identity?.[Symbol.dispose]();
    await this.#lock[Symbol.asyncDispose]();
  }

  #process(name: ProcessName): SupervisedProcess {
    const supervised = this.#processes.get(name);
    if (supervised === undefined) throw new Error(`${name} is not a process of this stack`);
    return supervised;
  }
}

/** Lets the lock know of every process, so that a later stack can end those that outlive this one. */
function recorded(lock: DataLock, name: ProcessName, { launch, probe }: ProcessDefinition): ProcessDefinition {
  return {
    probe,
    launch: async () => {
      const run = await launch();
      // SIGINT makes Postgres end its sessions; SIGTERM would wait for them.
      if (run.pid !== undefined) await lock.record(run.pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
      return run;
    },
  };
}

/** Every replica of every service, with the name of its process. */
function replicasOf({ services, settings }: StackPlan) {
  return services.flatMap((service) =>
    replicaNumbers(settings).map((replica) => ({ name: processNameOf(service, replica), service, replica })),
  );
}

/** Whether services cannot start without it. */
function isCore(name: InfrastructureName): boolean {
  return name === 'postgres' || name === 'nats';
}
