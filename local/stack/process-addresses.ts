// The addresses of the stack's processes as people read them: in the table of `make run` and in the console.
import { splitDatabaseUrl } from '../../services/platform/base/database-url.ts';
import { parseBrokerUrl } from '../../services/platform/messaging/broker-url.ts';
import type { ServiceName } from '../shared/topology.ts';
import {
  httpAddressOf,
  type ProcessName,
  portVariableOf,
  type ReplicaName,
  type StackPlan,
  smtpUrl,
} from './stack-plan.ts';

/** The variable that holds the port of a service's replica. */
export function portVariableOfProcess(process: ServiceName | ReplicaName): string {
  const [service, replica = '1'] = process.split('-') as [ServiceName, string?];
  return portVariableOf(service, Number(replica));
}

/** The address of a process that this stack runs. */
export function localAddress(plan: StackPlan, name: ProcessName): string {
  switch (name) {
    case 'postgres':
      return `127.0.0.1:${plan.port('POSTGRES_PORT')}`;
    case 'nats':
      return `127.0.0.1:${plan.port('NATS_PORT')}`;
    case 'provider':
      return httpAddressOf(plan, 'PAYMENT_PROVIDER_PORT');
    case 'mailbox':
      return `${httpAddressOf(plan, 'MAILBOX_HTTP_PORT')}/messages, ${smtpUrl(plan)}`;
    default:
      return httpAddressOf(plan, portVariableOfProcess(name));
  }
}

/** Host and port only: the rest of a connection string may hold secrets. */
export function externalAddress(external: StackPlan['settings']['external'], name: ProcessName): string {
  if (name === 'nats')
    return external.natsUrl === undefined ? '-' : parseBrokerUrl(external.natsUrl).servers.join(', ');
  const urls: Partial<Record<ProcessName, string | undefined>> = {
    provider: external.paymentProviderUrl,
    mailbox: external.smtpUrl,
  };
  const given =
    name === 'postgres'
      ? [...external.databaseUrls.values()].flatMap((url) => splitDatabaseUrl(url) ?? [])
      : [urls[name]];
  return [...new Set(given.map((url) => (url === undefined ? '-' : new URL(url).host)))].join(', ');
}
