// The process definitions of a stack: how the supervisor starts each process and checks its health.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOMAIN, EVENT_FLOWS } from '../../services/domain.ts';
import { provisionBroker } from '../../services/platform/messaging/provisioning.ts';
import { authorityFile, certificatePaths } from '../identity/stack-certificates.ts';
import { natsUsers, PROVISIONER_USER } from '../nats/nats-permissions.ts';
import { startNatsServer } from '../nats/nats-server.ts';
import { startPostgres } from '../postgres/postgres.ts';
import { createServiceDatabase, ownerName, serviceDatabaseName } from '../postgres/service-database.ts';
import type { ProcessRun } from '../process/process-run.ts';
import { launchProgram, processRunOf } from '../process/process-run.ts';
import type { SupervisedProcessOptions } from '../process/supervised-process.ts';
import { stopGuarded } from '../process/watchdog.ts';
import { probe } from '../shared/http-probe.ts';
import { type ServiceName, services } from '../shared/topology.ts';
import {
  environmentOf,
  httpAddressOf,
  type InfrastructureName,
  type ProcessName,
  portVariableOf,
  processNameOf,
  programOf,
  REPOSITORY_ROOT,
  type StackPlan,
  superuserPassword,
  tlsEnvironment,
} from './stack-plan.ts';

const PROBE_TIMEOUT_MS = 1_000;
const LEAST_CONNECTIONS = 240;
const CONSOLE_SEMI_SPACE_MB = 2;
const ROUTINE_LINE = /\] LOG: |\[INF\]|\[WRN\] Plaintext passwords/;

export type ProcessDefinition = Pick<SupervisedProcessOptions, 'launch' | 'probe'>;
export type LogLine = (process: ProcessName | 'stack', line: string) => void;

export function defineService(plan: StackPlan, service: ServiceName, replica: number, log: LogLine): ProcessDefinition {
  const url = httpAddressOf(plan, portVariableOf(service, replica));
  const name = processNameOf(service, replica);
  return {
    launch: async () =>
      launchProgram({
        file: programOf(plan.servicesDir, service),
        cwd: REPOSITORY_ROOT,
        environment: environmentOf(plan, service, replica),
        log: (line) => log(name, line),
        // It forwards the calls of a few people, and is to add little to the memory of the platform.
        ...(service === 'console' ? { semiSpaceMb: CONSOLE_SEMI_SPACE_MB } : {}),
      }),
    probe: async () => isServing(url, await authorityOf(plan)),
  };
}

export function defineInfrastructure(plan: StackPlan, name: InfrastructureName, log: LogLine): ProcessDefinition {
  switch (name) {
    case 'postgres':
      return { launch: launchPostgres(plan, logNotable(plan, name, log)), probe: readyOnceLaunched };
    case 'nats':
      return { launch: launchNats(plan, logNotable(plan, name, log)), probe: readyOnceLaunched };
    case 'provider':
      return defineProvider(plan, (line) => log(name, line));
    case 'mailbox':
      return defineMailbox(plan, (line) => log(name, line));
  }
}

function launchPostgres(plan: StackPlan, log: (line: string) => void): () => Promise<ProcessRun> {
  let databasesExist = false;
  return async () => {
    const postgres = await startPostgres({
      dataDir: join(plan.dataDir, 'postgres'),
      port: plan.port('POSTGRES_PORT'),
      password: superuserPassword(plan),
      durable: plan.durable,
      settings: { max_connections: String(serverConnections(plan)) },
      tls: serverCertificate(plan, 'postgres'),
      log,
    });
    try {
      if (!databasesExist) await createDatabases(plan, postgres.superuserUrl);
      databasesExist = true;
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    return processRunOf(postgres.process, (graceMs) => stopGuarded(postgres.process, { signal: 'SIGINT', graceMs }));
  };
}

/** What a service's role may have: its replicas, and one that follows a replica that was stopped. */
function roleConnections({ settings }: StackPlan): number {
  return (settings.replicas + 1) * settings.databaseConnections;
}

/** Enough for every role, and some for tools. */
function serverConnections(plan: StackPlan): number {
  return Math.max(LEAST_CONNECTIONS, services.length * roleConnections(plan) + 20);
}

async function createDatabases(plan: StackPlan, superuserUrl: string): Promise<void> {
  for (const { name: service, hasDatabase } of services) {
    if (!hasDatabase || !plan.services.includes(service) || plan.settings.external.databaseUrls.has(service)) continue;
    await createServiceDatabase({
      superuserUrl,
      service,
      password: plan.passwords(serviceDatabaseName(service)),
      ownerPassword: plan.passwords(ownerName(service)),
      connections: roleConnections(plan),
    });
  }
}

function launchNats(plan: StackPlan, log: (line: string) => void): () => Promise<ProcessRun> {
  return async () => {
    const nats = await startNatsServer({
      storeDir: join(plan.dataDir, 'nats'),
      port: plan.port('NATS_PORT'),
      users: natsUsers(plan.passwords),
      tls: serverCertificate(plan, 'nats'),
      log,
    });
    try {
      await provisionBroker({
        url: nats.natsUrl(PROVISIONER_USER),
        tls: serverCertificate(plan, 'nats'),
        domain: DOMAIN,
        flows: EVENT_FLOWS,
      });
    } catch (error) {
      await nats.stop();
      throw error;
    }
    return processRunOf(nats.process, (graceMs) => stopGuarded(nats.process, { graceMs }));
  };
}

function defineProvider(plan: StackPlan, log: (line: string) => void): ProcessDefinition {
  const environment = {
    ...sharedEnvironment(plan, 'PAYMENT_PROVIDER_'),
    ...(plan.settings.tls ? tlsEnvironment(plan, 'provider') : {}),
    PAYMENT_PROVIDER_PORT: String(plan.port('PAYMENT_PROVIDER_PORT')),
    PAYMENT_PROVIDER_LEDGER: join(plan.dataDir, 'provider-ledger.jsonl'),
  };
  const file = join(plan.programsDir, 'local/provider/main.js');
  const url = `${httpAddressOf(plan, 'PAYMENT_PROVIDER_PORT')}/healthz`;
  return {
    launch: async () => launchProgram({ file, cwd: REPOSITORY_ROOT, environment, log }),
    probe: async () => answers(url, await authorityOf(plan)),
  };
}

function defineMailbox(plan: StackPlan, log: (line: string) => void): ProcessDefinition {
  const environment = {
    ...sharedEnvironment(plan, 'MAILBOX_'),
    ...(plan.settings.tls ? tlsEnvironment(plan, 'mailbox') : {}),
    MAILBOX_SMTP_PORT: String(plan.port('MAILBOX_SMTP_PORT')),
    MAILBOX_HTTP_PORT: String(plan.port('MAILBOX_HTTP_PORT')),
    MAILBOX_FILE: join(plan.dataDir, 'mailbox.jsonl'),
  };
  const file = join(plan.programsDir, 'local/mailbox/main.js');
  const url = `${httpAddressOf(plan, 'MAILBOX_HTTP_PORT')}/healthz`;
  return {
    launch: async () => launchProgram({ file, cwd: REPOSITORY_ROOT, environment, log }),
    probe: async () => answers(url, await authorityOf(plan)),
  };
}

/** The caller's settings for the provider or the mailbox. */
function sharedEnvironment(plan: StackPlan, prefix: string): Record<string, string> {
  const shared: Record<string, string> = { HOST: '127.0.0.1' };
  for (const [name, value] of Object.entries(plan.environment)) {
    if (value !== undefined && (name === 'LOG_LEVEL' || name.startsWith(prefix))) shared[name] = value;
  }
  return shared;
}

/** Routine lines of Postgres and nats-server, which would drown the services' logs, are shown at LOG_LEVEL debug and trace only. */
function logNotable(plan: StackPlan, name: ProcessName, log: LogLine): (line: string) => void {
  const everything = ['debug', 'trace'].includes(plan.environment.LOG_LEVEL ?? '');
  return (line) => {
    if (everything || !ROUTINE_LINE.test(line)) log(name, line);
  };
}

/** Postgres and nats-server report readiness themselves: their launch resolves only then. */
async function readyOnceLaunched(): Promise<boolean> {
  return true;
}

async function answers(url: string, authority: string | undefined): Promise<boolean> {
  const { status } = await probe(url, { authority, timeoutMs: PROBE_TIMEOUT_MS });
  return status === 200;
}

/** Calls grpc.health.v1.Health/Check in JSON over HTTP/1.1. */
async function isServing(url: string, authority: string | undefined): Promise<boolean> {
  const options = { body: '{}', authority, timeoutMs: PROBE_TIMEOUT_MS };
  const { text } = await probe(`${url}/grpc.health.v1.Health/Check`, options);
  const body: unknown = JSON.parse(text);
  return typeof body === 'object' && body !== null && 'status' in body && body.status === 'SERVING';
}

async function authorityOf({ settings, dataDir }: StackPlan): Promise<string | undefined> {
  return settings.tls ? await readFile(authorityFile(dataDir), 'utf8') : undefined;
}

function serverCertificate({ settings, dataDir }: StackPlan, name: InfrastructureName) {
  return settings.tls ? certificatePaths(dataDir, name) : undefined;
}
