// A folder of fake services, and settings under which the supervisor starts only them.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGuardedDirectory } from '#local/process/watchdog.ts';

/** The infrastructure counts as external, so none is started; the fake services call none of it. */
export const everythingElsewhere = {
  ORDER_DATABASE_URL: 'postgres://order:hidden-order@db.example/order',
  INVENTORY_DATABASE_URL: 'postgres://inventory:hidden-inventory@db.example/inventory',
  PAYMENT_DATABASE_URL: 'postgres://payment:hidden-payment@db.example/payment',
  NOTIFICATION_DATABASE_URL: 'postgres://notification:hidden-notification@db.example/notification',
  NATS_URL: 'nats://shop:hidden-nats@nats.example:4222',
  SMTP_URL: 'smtp://mail:hidden-mail@mail.example:25',
  PAYMENT_PROVIDER_URL: 'http://pay.example',
};

export type FakeServices = AsyncDisposable & {
  servicesDir: string;
  dataDir: string;
  /** A file that the services write their names to when they are asked to stop. */
  lastWords: string;
};

export async function createFakeServices(...names: string[]): Promise<FakeServices> {
  const folder = await createGuardedDirectory('touchstone-test');
  const servicesDir = join(folder.path, 'services');
  await mkdir(servicesDir);
  await writeFile(join(servicesDir, 'package.json'), '{"type":"module"}');
  for (const name of names) {
    await mkdir(join(servicesDir, name));
    await copyFile(
      fileURLToPath(new URL('fixtures/fake-service.ts', import.meta.url)),
      join(servicesDir, name, 'main.ts'),
    );
  }
  return {
    servicesDir,
    dataDir: join(folder.path, 'data'),
    lastWords: join(folder.path, 'last-words'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
