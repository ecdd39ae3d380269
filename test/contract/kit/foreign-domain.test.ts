// The commands of the kit with services that it does not know from its own examples: a garage in proto3, edition 2023 and proto2. Those that
// take seconds are in test/e2e/kit/foreign-domain.test.ts.
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSchema } from '@touchstone/kit';
import { afterAll, beforeAll, it } from 'vitest';
import { COMMANDS, type World } from '../../support/foreign-domain/commands.ts';
import { writeGarage } from '../../support/foreign-domain/garage-files.ts';
import { SOURCE_KIT } from '../../support/foreign-domain/kit.ts';
import { startGarage } from '../../support/foreign-domain/provider.ts';
import { startTestNats } from '../../support/nats.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let world: World;
const resources: AsyncDisposable[] = [];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'garage-'));
  resources.push({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const { env } = process;
  const [files, nats] = await Promise.all([writeGarage(folder, env), startTestNats({ isProvisioned: false })]);
  resources.push(nats);
  const schema = await loadSchema(files.descriptors);
  const garage = await startGarage(schema);
  resources.push(garage);
  world = { kit: SOURCE_KIT, files, schema, garage: garage.url, nats: nats.adminUrl, env };
});
afterAll(async () => {
  for (const resource of resources.reverse()) await resource[Symbol.asyncDispose]();
});

it.each(Object.keys(COMMANDS))('kit %s works with every kind of field, syntax and stream', async (command) => {
  await COMMANDS[command]?.(world);
});
