// The running stack as its control port sees it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlledStack } from '../control/controlled-stack.ts';
import type { LogMemory } from '../control/log-memory.ts';
import { namesCollector } from '../control/order-history/span-collector.ts';
import { authorityFile } from '../identity/stack-certificates.ts';
import { ADMIN_USER } from '../nats/nats-permissions.ts';
import type { ServiceName } from '../shared/topology.ts';
import type { ProcessName, Stack } from './stack.ts';
import { environmentOf, natsUrl, type StackPlan } from './stack-plan.ts';

/** Connects a stack with its control port. `operatorToken` issues the token of the port's own calls. */
export function controlledStack(
  stack: Pick<Stack, 'rows' | 'kill' | 'stop' | 'start' | 'url'>,
  plan: StackPlan,
  operatorToken: () => Promise<string>,
  logs: LogMemory,
): ControlledStack {
  const authority = async () => (plan.settings.tls ? await readFile(authorityFile(plan.dataDir), 'utf8') : undefined);
  return {
    rows: () => stack.rows(),
    // The control port knows the processes by the names in `rows`.
    kill: (process, signal) => stack.kill(process as ProcessName, signal),
    stop: (process) => stack.stop(process as ProcessName),
    start: (process) => stack.start(process as ProcessName),
    configure: (service, settings) => configureService(plan, service as ServiceName, settings),
    settingOf: (service, setting) =>
      plan.services.includes(service as ServiceName) ? environmentOf(plan, service as ServiceName)[setting] : undefined,
    url: (service) => stack.url(service),
    operatorToken,
    orderLog: logs.findByOrder,
    verifyEnvironment: () => ({ ...verifyEnvironment(plan), DATA_DIR: plan.dataDir }),
    brokerAccess: async () => ({ url: natsUrl(plan, ADMIN_USER), authority: await authority() }),
    sendsSpans: !namesCollector(plan.environment),
    reportFolder: join(plan.dataDir, 'chaos'),
    authority,
  };
}

/** Overrides settings of a service from its next start on; undefined takes an override back. */
export function configureService(
  plan: StackPlan,
  service: ServiceName,
  settings: Readonly<Record<string, string | undefined>>,
): void {
  const merged = { ...plan.serviceEnvironment[service], ...settings };
  plan.serviceEnvironment[service] = Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function verifyEnvironment(plan: StackPlan): Record<string, string> {
  const given = Object.entries(plan.environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const ports = Object.keys(plan.settings.ports).flatMap((variable) => {
    const port = portOf(plan, variable);
    return port === undefined ? [] : [[variable, String(port)] as const];
  });
  // Read by Node before anything connects.
  const trusted = plan.settings.tls ? { NODE_EXTRA_CA_CERTS: authorityFile(plan.dataDir) } : {};
  return { ...Object.fromEntries([...given, ...ports]), ...trusted };
}

// A stack that uses an external server has no port for it.
function portOf(plan: StackPlan, variable: string): number | undefined {
  try {
    return plan.port(variable);
  } catch {
    return undefined;
  }
}
