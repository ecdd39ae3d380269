// The image of deploy/ without a container engine: its Dockerfile is carried out in a folder, and what it would hold runs there, with the
// settings of the Kubernetes manifests and next to a platform whose servers it uses.
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { choosePorts } from '../../support/cluster/choose-ports.ts';
import {
  acceptsConnection,
  mountFile,
  probeStatus,
  type RunningContainer,
  startContainer,
} from '../../support/deploy/container.ts';
import { buildImage, type Image } from '../../support/deploy/image.ts';
import { environmentOf, manifest, sharedValues } from '../../support/deploy/manifests.ts';
import { type OwnStack, startOwnStack } from '../../support/own-stack.ts';
import { requestDataTemplate } from '../../support/shared-stacks.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../../support/slow/slow-tests.ts';
import { orderRequest } from '../../support/stack.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BUILD_LIMIT_MS = 900_000;
const START_LIMIT = { timeout: 60_000, interval: 200 };
const NAMES = services.map(({ name }) => name);

const resources = new AsyncDisposableStack();
let image: Image;
let own: OwnStack;

beforeAll(async () => {
  if (isSlowSkipped) return;
  const folder = resources.use(await createGuardedDirectory('touchstone-image'));
  await chmod(folder.path, 0o755); // The image's account passes through it.
  image = await buildImage(join(ROOT, 'deploy/Dockerfile'), ROOT, folder.path);
  own = resources.use(
    await startOwnStack(await requestDataTemplate(inject('sharedStacksSocket')), { TLS: 'on' }, { services: NAMES }),
  );
}, BUILD_LIMIT_MS);
afterAll(() => resources.disposeAsync());

type Package = { readonly dependencies: Record<string, string>; readonly devDependencies: Record<string, string> };

async function readPackage(path: string): Promise<Package> {
  return JSON.parse(await readFile(join(ROOT, path), 'utf8')) as Package;
}

/** The settings with which the platform runs its own replica of a service. */
async function settingsOf(service: ServiceName): Promise<Record<string, string>> {
  const pid = own.stack.rows().find(({ name }) => name === service)?.pid;
  const text = await readFile(`/proc/${pid}/environ`, 'utf8');
  const pairs = text.split('\0').map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]);
  return Object.fromEntries(pairs.map(([name, value]) => [name, withoutAuthority(value)]));
}

/** The address of a database without the file of its authority: the manifests name that by TLS_CA_FILE. */
function withoutAuthority(value = ''): string {
  return value.replace(/[?&]sslrootcert=[^&]*$|sslrootcert=[^&]*&/, '');
}

/** The settings of a manifest: its secrets, addresses and files are those of the platform, its port is one that is free. */
async function podSettings(service: ServiceName): Promise<Record<string, string>> {
  const running = await settingsOf(service);
  const [container] = manifest('Deployment', service).spec.template.spec.containers;
  const settings = environmentOf(container, (setting) => running[setting] ?? '', sharedValues);
  for (const [setting, value] of Object.entries(settings)) {
    if (value.startsWith('/')) settings[setting] = await mountFile(image, value, running[setting] ?? '');
    else if (setting.endsWith('_URL')) settings[setting] = running[setting] ?? '';
  }
  const [port = 0] = await choosePorts(`image of ${service}`, 1);
  return { ...settings, HOST: '127.0.0.1', [`${service.toUpperCase()}_PORT`]: String(port) };
}

async function startPod(service: ServiceName): Promise<RunningContainer & { readonly port: number }> {
  const settings = await podSettings(service);
  const [{ args }] = manifest('Deployment', service).spec.template.spec.containers;
  const container = startContainer(image, args, settings);
  const port = Number(settings[`${service.toUpperCase()}_PORT`]);
  try {
    await vi.waitUntil(async () => (await acceptsConnection(port)) || container.hasEnded(), START_LIMIT);
    expect(container.hasEnded(), container.output.join('')).toBe(false);
  } catch (error) {
    await container[Symbol.asyncDispose]();
    throw error;
  }
  return { ...container, port };
}

describe.skipIf(isSlowSkipped)(`the image (${SLOW_SKIPPED})`, () => {
  it('holds the services and what they need to run: no development dependency, no test, not the local platform', async () => {
    const app = join(image.root, image.workingDirectory);
    const root = await readPackage('package.json');
    // npm installs what one workspace needs with every other one.
    const kit = await readPackage('packages/kit/package.json');
    const unneeded = Object.keys(root.devDependencies).filter((name) => kit.dependencies[name] === undefined);
    const installed = await readdir(join(app, 'node_modules'));

    expect((await readdir(app)).toSorted()).toEqual(['gen', 'node_modules', 'package.json', 'packages', 'services']);
    expect(unneeded.filter((name) => installed.includes(name))).toEqual([]);
    expect(await readdir(join(app, 'services/console/page/dist'))).toContain('index.html');
    expect(image).toMatchObject({ user: '1000:1000', command: ['services/order/main.ts'] });
  });

  it.each(NAMES)(
    'starts %s by its manifest, which its probes find ready, and which stops in time',
    async (service) => {
      const pod = manifest('Deployment', service).spec.template.spec;
      const [{ readinessProbe, lifecycle }] = pod.containers;
      await using container = await startPod(service);
      const path = readinessProbe.httpGet?.path ?? '';

      await vi.waitFor(async () => expect(await probeStatus(container.port, path)).toBe(200), START_LIMIT);
      expect(await acceptsConnection(container.port)).toBe(true);
      await container.stop(1_000 * (pod.terminationGracePeriodSeconds - lifecycle.preStop.sleep.seconds));
      expect(await container.exitCode, container.output.join('')).toBe(0);
    },
    120_000,
  );

  it('takes an order that every service completes', async () => {
    await using container = await startPod('order');
    await vi.waitFor(async () => expect(await probeStatus(container.port, '/healthz')).toBe(200), START_LIMIT);
    const token = await own.stack.token('customer', 'cust123');
    const transport = createGrpcTransport({
      baseUrl: `https://127.0.0.1:${container.port}`,
      nodeOptions: { ca: await readFile(own.stack.authorityFile()) },
    });
    const orders = createClient(OrderService, transport);
    const { order } = await orders.createOrder(orderRequest(), { headers: { authorization: `Bearer ${token}` } });

    expect(order?.status).toBe(OrderStatus.CONFIRMED);
  }, 120_000);

  it('migrates the databases and provisions the broker by its jobs', async () => {
    const secretOf = (setting: string): string => {
      const [, service = '', isOwner] = /^([A-Z]+)_(MIGRATION_)?DATABASE_URL$/.exec(setting) ?? [];
      if (setting === 'PROVISION_NATS_URL') return own.stack.natsUrl('admin');
      const name = service.toLowerCase() as ServiceName;
      return withoutAuthority(isOwner === undefined ? own.stack.databaseUrl(name) : own.stack.ownerDatabaseUrl(name));
    };
    const running = await settingsOf('order');
    for (const [job, last] of [
      ['migration', 'the database of monitor is migrated'],
      ['provisioning', 'provisioned'],
    ] as const) {
      const [container] = manifest('Job', job).spec.template.spec.containers;
      const settings = environmentOf(container, secretOf);
      for (const [setting, value] of Object.entries(settings))
        if (value.startsWith('/')) settings[setting] = await mountFile(image, value, running[setting] ?? '');
      // The broker here is one server.
      if (job === 'provisioning') settings.NATS_REPLICAS = '1';
      await using process = startContainer(image, container.args, settings);

      expect(await process.exitCode, process.output.join('')).toBe(0);
      expect(process.output.join('')).toContain(last);
    }
  }, 120_000);
});
