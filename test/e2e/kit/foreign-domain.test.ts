// Every command of the packed kit, installed into an empty folder, with services that it does not know from its own examples.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSchema } from '@touchstone/kit';
import { afterAll, beforeAll, it } from 'vitest';
import { COMMANDS, HEAVY_COMMANDS, type World } from '../../support/foreign-domain/commands.ts';
import { writeGarage } from '../../support/foreign-domain/garage-files.ts';
import { installedKit } from '../../support/foreign-domain/kit.ts';
import { startGarage } from '../../support/foreign-domain/provider.ts';
import { createProject, INSTALL_LIMIT_MS, packKit, USER_ENVIRONMENT } from '../../support/kit/packed-kit.ts';
import { startTestNats } from '../../support/nats.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../../support/slow/slow-tests.ts';

let world: World;
const resources: AsyncDisposable[] = [];

beforeAll(async () => {
  if (isSlowSkipped) return;
  const base = await mkdtemp(join(tmpdir(), 'kit-foreign-domain-'));
  resources.push({ [Symbol.asyncDispose]: () => rm(base, { recursive: true }) });
  const folder = join(base, 'project');
  await createProject(folder, await packKit(base));
  const env = USER_ENVIRONMENT;
  const files = await writeGarage(folder, env);
  const nats = await startTestNats({ isProvisioned: false });
  resources.push(nats);
  const schema = await loadSchema(files.descriptors);
  const garage = await startGarage(schema);
  resources.push(garage);
  world = { kit: installedKit(folder, env), files, schema, garage: garage.url, nats: nats.adminUrl, env };
}, INSTALL_LIMIT_MS);
afterAll(async () => {
  for (const resource of resources.reverse()) await resource[Symbol.asyncDispose]();
});

const commands = { ...COMMANDS, ...HEAVY_COMMANDS };

it.for(Object.keys(commands))(
  'the packed kit %s works with every kind of field, syntax and stream',
  { timeout: 120_000 },
  async (command, { skip }) => {
    skip(isSlowSkipped, SLOW_SKIPPED);
    await commands[command]?.(world);
  },
);
