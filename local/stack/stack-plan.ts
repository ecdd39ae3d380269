// The plan of a stack, made before any process starts: services, ports, addresses, secrets, external servers.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../services/platform/base/settings.ts';
import { isLoopback } from '../../services/platform/identity/safe-binding.ts';
import { keysFile, tokenFile } from '../identity/identity-files.ts';
import { authorityFile, certificatePaths } from '../identity/stack-certificates.ts';
import { natsUsers } from '../nats/nats-permissions.ts';
import { natsUrlOf } from '../nats/nats-server.ts';
import { ownerName, serviceDatabaseName, serviceDatabaseUrl } from '../postgres/service-database.ts';
import { type DerivePassword, loadPasswords } from '../shared/secrets.ts';
import { everyService, type ServiceName, services, serviceTopology } from '../shared/topology.ts';
import { endLeftovers, wasOwnerKilled } from './data-lock.ts';
import { type PortRequest, resolvePorts } from './stack-ports.ts';
import { databaseVariable, migrationVariable, type StackSettings } from './stack-settings.ts';

export const REPOSITORY_ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type InfrastructureName = 'postgres' | 'nats' | 'provider' | 'mailbox';
/** A replica of a service beside the first one, such as `order-2`. */
export type ReplicaName = `${ServiceName}-${number}`;
export type ProcessName = InfrastructureName | ServiceName | ReplicaName;

export type StackPlan = {
  settings: StackSettings;
  /** The caller's environment; each process receives the settings it needs. */
  environment: Environment;
  /** Settings of single services; read at each start of a service. */
  serviceEnvironment: Partial<Record<ServiceName, Record<string, string>>>;
  dataDir: string;
  /** The folder of the bundled programs. */
  programsDir: string;
  servicesDir: string;
  /** The services that this stack starts, in dependency order. */
  services: ServiceName[];
  infrastructure: InfrastructureName[];
  durable: boolean;
  passwords: DerivePassword;
  /** The port that a setting such as ORDER_PORT was resolved to. */
  port(variable: string): number;
};

// Passed only to the services that need them.
const SECRETS = new Set(['SMTP_URL', 'PAYMENT_PROVIDER_URL', 'SYNTHETIC_CREDENTIAL']);

export type PlanRequest = Pick<
  StackPlan,
  'settings' | 'environment' | 'serviceEnvironment' | 'durable' | 'programsDir'
> & {
  servicesDir: string | undefined;
  services: readonly ServiceName[] | undefined;
  freePorts: boolean;
  /** Receives what the plan waits for. */
  log?: (line: string) => void;
  /** Cancels the wait for ports. */
  signal?: AbortSignal | undefined;
};

/**
 * Plans a stack; the first start creates the data directory's secret.
 * @throws {PortsUnavailableError} naming every port that is taken.
 */
export async function planStack(request: PlanRequest): Promise<StackPlan> {
  const { settings } = request;
  const servicesDir = request.servicesDir ?? join(request.programsDir, 'services');
  const wanted = request.services ?? services.map(({ name }) => name);
  const chosen = everyService
    .map(({ name }) => name)
    .filter((name) => wanted.includes(name))
    .filter((name) => existsSync(programOf(servicesDir, name)));
  const infrastructure = neededInfrastructure(settings, chosen);
  const dataDir = resolve(REPOSITORY_ROOT, settings.dataDir);
  await endLeftovers(dataDir);
  const ports = await resolvePorts(portRequests(request, chosen, infrastructure), {
    afterKill: await wasOwnerKilled(dataDir),
    ...(request.log && { log: request.log }),
    signal: request.signal,
  });
  return {
    settings,
    environment: request.environment,
    serviceEnvironment: request.serviceEnvironment,
    durable: request.durable,
    dataDir,
    programsDir: request.programsDir,
    servicesDir,
    services: chosen,
    infrastructure,
    passwords: await loadPasswords(join(dataDir, 'secret')),
    port(variable) {
      const port = ports.get(variable);
      if (port === undefined) throw new Error(`${variable}: this stack has no such port`);
      return port;
    },
  };
}

/** The program of a service: a bundle, or a source where a folder of sources was asked for. */
export function programOf(servicesDir: string, service: ServiceName): string {
  const bundle = join(servicesDir, service, 'main.js');
  return existsSync(bundle) ? bundle : join(servicesDir, service, 'main.ts');
}

function neededInfrastructure({ external }: StackSettings, chosen: readonly ServiceName[]): InfrastructureName[] {
  const { databaseUrls } = external;
  const everyDatabaseIsExternal =
    databaseUrls.size > 0 &&
    services
      .filter(({ name, hasDatabase }) => hasDatabase && chosen.includes(name))
      .every(({ name }) => databaseUrls.has(name));
  const needed: Record<InfrastructureName, boolean> = {
    postgres: !everyDatabaseIsExternal,
    nats: external.natsUrl === undefined,
    provider: external.paymentProviderUrl === undefined,
    mailbox: external.smtpUrl === undefined,
  };
  return (['postgres', 'nats', 'provider', 'mailbox'] as const).filter((name) => needed[name]);
}

// HOST exposes the services only: what they need is for this machine.
const LOOPBACK = '127.0.0.1';
const INFRASTRUCTURE_PORT_SETTINGS: Record<InfrastructureName, string[]> = {
  postgres: ['POSTGRES_PORT'],
  nats: ['NATS_PORT'],
  provider: ['PAYMENT_PROVIDER_PORT'],
  mailbox: ['MAILBOX_SMTP_PORT', 'MAILBOX_HTTP_PORT'],
};

function portRequests(
  { settings, freePorts }: PlanRequest,
  chosen: readonly ServiceName[],
  infrastructure: readonly InfrastructureName[],
): PortRequest[] {
  const request = (process: string, variable: string, host: string) => ({
    process,
    variable,
    host,
    port: freePorts ? 0 : (settings.ports[variable] ?? 0),
  });
  return [
    ...infrastructure.flatMap((name) => {
      return INFRASTRUCTURE_PORT_SETTINGS[name].map((variable) => request(name, variable, LOOPBACK));
    }),
    ...everyService
      .filter(({ name }) => chosen.includes(name))
      .flatMap(({ name, portVariable }) => [
        request(name, portVariable, settings.host),
        ...furtherReplicas(settings).map((replica) => ({
          ...request(`${name}-${replica}`, portVariableOf(name, replica), settings.host),
          port: 0,
        })),
      ]),
  ];
}

/** The numbers of the replicas of each service: 1, and those beside it. */
export function replicaNumbers(settings: Pick<StackSettings, 'replicas'>): number[] {
  return [1, ...furtherReplicas(settings)];
}

function furtherReplicas({ replicas }: Pick<StackSettings, 'replicas'>): number[] {
  return Array.from({ length: replicas - 1 }, (_, index) => index + 2);
}

/** The name of a replica's process: that of the service for the first one. */
export function processNameOf(service: ServiceName, replica: number): ServiceName | ReplicaName {
  return replica === 1 ? service : `${service}-${replica}`;
}

/** `ORDER_PORT` for the first replica of order, `ORDER_PORT_2` for the second, whose port the system chooses. */
export function portVariableOf(service: ServiceName, replica: number): string {
  const { portVariable } = serviceTopology(service);
  return replica === 1 ? portVariable : `${portVariable}_${replica}`;
}

/** The addresses of all replicas of a service, separated by commas. */
function replicaUrls(plan: StackPlan, service: ServiceName): string {
  return replicaNumbers(plan.settings)
    .map((replica) => httpAddressOf(plan, portVariableOf(service, replica)))
    .join(',');
}

/** The address of a port of this stack from this machine, such as `127.0.0.1:50051`. */
function addressOf(plan: StackPlan, variable: string): string {
  const isInfrastructure = Object.values(INFRASTRUCTURE_PORT_SETTINGS).flat().includes(variable);
  const host = isInfrastructure ? LOOPBACK : plan.settings.host;
  if (host === '0.0.0.0' || host === '::') return `127.0.0.1:${plan.port(variable)}`;
  return `${host.includes(':') ? `[${host}]` : host}:${plan.port(variable)}`;
}

/** The superuser's connection string, with its password. */
function superuserUrl(plan: StackPlan): string {
  const password = encodeURIComponent(superuserPassword(plan));
  const verified = plan.settings.tls
    ? `?sslmode=verify-full&sslrootcert=${encodeURIComponent(authorityFile(plan.dataDir))}`
    : '';
  return `postgres://postgres:${password}@127.0.0.1:${plan.port('POSTGRES_PORT')}/postgres${verified}`;
}

export function superuserPassword(plan: StackPlan): string {
  return plan.passwords('postgres:superuser');
}

/** A service's connection string, with its password. */
export function databaseUrl(plan: StackPlan, service: ServiceName): string {
  const name = serviceDatabaseName(service);
  return (
    plan.settings.external.databaseUrls.get(service) ??
    serviceDatabaseUrl(superuserUrl(plan), { role: name, database: name, password: plan.passwords(name) })
  );
}

/** The connection string of the role that owns a service's database; undefined for an external database that has none. */
export function migrationUrl(plan: StackPlan, service: ServiceName): string | undefined {
  const { databaseUrls, migrationUrls } = plan.settings.external;
  if (databaseUrls.has(service)) return migrationUrls.get(service);
  const [role, database] = [ownerName(service), serviceDatabaseName(service)];
  return serviceDatabaseUrl(superuserUrl(plan), { role, database, password: plan.passwords(role) });
}

/** The broker's connection string for a service or for `admin`, with its password. */
export function natsUrl(plan: StackPlan, user: string): string {
  const external = plan.settings.external.natsUrl;
  if (external !== undefined) return external;
  return natsUrlOf(natsUsers(plan.passwords), user, plan.port('NATS_PORT'), plan.settings.tls);
}

/** The address of a port over HTTP, such as `http://127.0.0.1:50051`; `https` with TLS. */
export function httpAddressOf(plan: StackPlan, variable: string): string {
  return `${plan.settings.tls ? 'https' : 'http'}://${addressOf(plan, variable)}`;
}

export function smtpUrl(plan: StackPlan): string {
  return plan.settings.external.smtpUrl ?? `smtp://${addressOf(plan, 'MAILBOX_SMTP_PORT')}`;
}

export function providerUrl(plan: StackPlan): string {
  return plan.settings.external.paymentProviderUrl ?? httpAddressOf(plan, 'PAYMENT_PROVIDER_PORT');
}

/** What the issuer of this stack's tokens is made from. A secret. */
export function identitySeed(plan: StackPlan): string {
  return plan.passwords('identity');
}

/** The secret that allows synthetic orders in this stack. */
export function syntheticCredential(plan: StackPlan): string {
  return plan.environment.SYNTHETIC_CREDENTIAL || plan.passwords('synthetic');
}

/** The settings of TLS of a process. */
export function tlsEnvironment(plan: StackPlan, name: ProcessName): Record<string, string> {
  const { cert, key, ca } = certificatePaths(plan.dataDir, name);
  const startTls: Record<string, string> = name === 'notification' ? { SMTP_STARTTLS: 'required' } : {};
  return { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CA_FILE: ca, ...startTls };
}

// On loopback, the visitors of the page are people of this machine: they need no sign-in.
function consoleEnvironment({ settings, environment }: StackPlan): Record<string, string> {
  return {
    CONSOLE_SIGN_IN: environment.CONSOLE_SIGN_IN || (isLoopback(settings.host) ? 'off' : 'on'),
    CONSOLE_USAGE_DIR: environment.CONSOLE_USAGE_DIR || join(REPOSITORY_ROOT, 'test/contract/usage'),
    CONSOLE_CONTRACTS_DIR: environment.CONSOLE_CONTRACTS_DIR || join(REPOSITORY_ROOT, 'test/contract/contracts'),
    CONSOLE_VERIFICATION_DIR: environment.CONSOLE_VERIFICATION_DIR || join(REPOSITORY_ROOT, '.tools/verification'),
    CONSOLE_RULES_FILE:
      environment.CONSOLE_RULES_FILE || join(REPOSITORY_ROOT, 'services/monitor/prometheus/alerts.yaml'),
  };
}

/** The environment of a replica's process: it holds its service's secrets and no others. */
export function environmentOf(plan: StackPlan, service: ServiceName, replica = 1): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(plan.environment)) {
    const isSecret = name.endsWith('_DATABASE_URL') || SECRETS.has(name);
    if (value !== undefined && value !== '' && !isSecret) environment[name] = value;
  }
  for (const { name, portVariable } of everyService) {
    if (!plan.services.includes(name)) continue;
    environment[portVariable] = String(plan.port(portVariable));
    environment[`${name.toUpperCase()}_URL`] ??= replicaUrls(plan, name);
  }
  environment[serviceTopology(service).portVariable] = String(plan.port(portVariableOf(service, replica)));
  environment.HOST = plan.settings.host;
  environment.TOKEN_KEYS ??= keysFile(plan.dataDir);
  const ownToken = tokenFile(plan.dataDir, service);
  if (ownToken !== undefined) environment.IDENTITY_TOKEN_FILE ??= ownToken;
  environment.GUEST_ORDERS ??= 'on';
  if (plan.settings.tls) Object.assign(environment, tlsEnvironment(plan, service));
  const { hasDatabase, acceptsSynthetic } = serviceTopology(service);
  if (hasDatabase) {
    environment.NATS_URL = natsUrl(plan, service);
    environment[databaseVariable(service)] = databaseUrl(plan, service);
    const migration = migrationUrl(plan, service);
    if (migration !== undefined) environment[migrationVariable(service)] = migration;
  }
  if (acceptsSynthetic) environment.SYNTHETIC_CREDENTIAL = syntheticCredential(plan);
  if (service === 'payment') environment.PAYMENT_PROVIDER_URL = providerUrl(plan);
  if (service === 'notification') environment.SMTP_URL = smtpUrl(plan);
  if (service === 'console') Object.assign(environment, consoleEnvironment(plan));
  return { ...environment, ...plan.serviceEnvironment[service] };
}
