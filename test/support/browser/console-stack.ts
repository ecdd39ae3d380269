// A platform of its own with the console, and its page built from the sources as they are now.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { everyService } from '#local/shared/topology.ts';
import type { Stack } from '#local/stack/stack.ts';
import { PATIENT_DATABASE } from '../patience.ts';
import { startTestStack, type TestStack } from '../stack.ts';

const PAGE = fileURLToPath(new URL('../../../services/console/page', import.meta.url));

export type ConsoleStack = TestStack<Stack> & { readonly url: string };

/** Starts every service. `environment` holds settings for all of them. */
export async function startConsoleStack(environment: Record<string, string> = {}): Promise<ConsoleStack> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-page'));
  const outDir = join(folder.path, 'page');
  await build({ root: PAGE, logLevel: 'silent', build: { outDir } });
  const platform = await startTestStack(
    { ...PATIENT_DATABASE, ...environment },
    {
      services: everyService.map(({ name }) => name),
      serviceEnvironment: { console: { CONSOLE_PAGE_DIR: outDir } },
    },
  );
  resources.use(platform);
  const owned = resources.move();
  return { ...platform, url: platform.stack.url('console'), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
