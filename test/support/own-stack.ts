// A stack with free ports and a temporary data folder, which its disposal removes.
import { join } from 'node:path';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { services } from '#local/shared/topology.ts';
import { type Stack, type StackOptions, startStack } from '#local/stack/stack.ts';
import { copyDataTemplate } from './data-template.ts';
import { NO_CUSTOMER_LIMIT } from './identity/credentials.ts';

export type OwnStack = AsyncDisposable & {
  readonly stack: Stack;
  /** The lines that the processes have printed so far. */
  readonly output: readonly string[];
};

/**
 * Starts a stack on a copy of a template of its data; the monitor only where `services` names it, because its journeys would disturb
 * other tests.
 */
export async function startOwnStack(
  template: string,
  environment: Record<string, string>,
  options: Pick<StackOptions, 'serviceEnvironment' | 'services' | 'ports'> = {},
): Promise<OwnStack> {
  const resources = new AsyncDisposableStack();
  try {
    const folder = resources.use(await createGuardedDirectory('touchstone-e2e'));
    const dataDir = join(folder.path, 'data');
    await copyDataTemplate(template, dataDir);
    const output: string[] = [];
    const stack = resources.use(
      await startStack({
        dataDir,
        ports: 'free',
        durable: false,
        environment: { PATH: process.env.PATH, LOG_LEVEL: 'info', ...NO_CUSTOMER_LIMIT, ...environment },
        services: services.map(({ name }) => name).filter((name) => name !== 'monitor'),
        log: (part, line) => output.push(`${part} ${line}`),
        ...options,
      }),
    );
    return { stack, output, [Symbol.asyncDispose]: () => resources.disposeAsync() };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
