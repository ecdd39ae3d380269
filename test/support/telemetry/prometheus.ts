// A real Prometheus that scrapes services, where one is installed.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, vi } from 'vitest';
import { createGuardedDirectory, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import { choosePorts } from '../cluster/choose-ports.ts';

const PATIENCE = { timeout: 30_000, interval: 200 };

/** Its program; undefined where there is none. */
export const prometheusProgram = findOnPath('prometheus');
/** The program that checks rules; undefined where there is none. */
export const promtoolProgram = findOnPath('promtool');
/** Why a test that needs them is skipped. */
export const PROMETHEUS_MISSING = 'prometheus is not on the PATH (the package of that name has it)';

export type Prometheus = AsyncDisposable & {
  /** Asks its HTTP API and returns the data of the answer. */
  ask<Data>(path: string, parameters?: Record<string, string>): Promise<Data>;
};

/** Starts it; it scrapes these targets, `host:port`, twice a second, evaluates these files of rules, and stores exemplars. */
export async function startPrometheus(
  targets: readonly string[],
  ruleFiles: readonly string[] = [],
): Promise<Prometheus> {
  if (prometheusProgram === undefined) throw new Error(PROMETHEUS_MISSING);
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-prometheus'));
  const config = join(folder.path, 'prometheus.yaml');
  await writeFile(
    config,
    JSON.stringify({
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: ruleFiles,
      scrape_configs: [{ job_name: 'touchstone', static_configs: [{ targets }] }],
    }),
  );
  const [port] = await choosePorts('prometheus', 1);
  const server = spawnGuarded(
    prometheusProgram,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  resources.defer(() => stopGuarded(server));
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(async () => expect((await fetch(`${url}/-/ready`)).ok).toBe(true), PATIENCE);
  const kept = resources.move();
  return {
    ask: async <Data>(path: string, parameters: Record<string, string> = {}) => {
      const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
      const { data } = (await answer.json()) as { readonly data: Data };
      return data;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function findOnPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file));
}
