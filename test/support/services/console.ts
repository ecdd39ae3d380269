// The console fixture: the real service on a free port, with one virtual service in the place of all that it calls, and a small page.
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { startVirtualService, type VirtualService } from '@touchstone/kit';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { loadConfig } from '#services/console/config.ts';
import { SERVICE_NAMES } from '#services/console/forwarded-services.ts';
import { createConsoleService } from '#services/console/service.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { createTokens, TEST_IDENTITY } from '../identity/credentials.ts';
import { EVERY_SERVICE } from '../identity/every-service.ts';

export const PAGE = '<!doctype html><title>console</title>';
export const SCRIPT = `console.log(${JSON.stringify('x'.repeat(2_000))});`;

export type ConsoleFixture = AsyncDisposable & {
  readonly url: string;
  /** Stands for every service, and for the control port of the local stack. */
  readonly shop: VirtualService;
  /** A file beside the folder of the page, which must not be served. */
  readonly secretFile: string;
  client<Service extends DescService>(service: Service, headers?: Record<string, string>): Client<Service>;
};

/** Starts the console; without a sign-in unless `environment` says otherwise. */
export async function startConsoleFixture(environment: Record<string, string> = {}): Promise<ConsoleFixture> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await mkdtempDisposable(join(tmpdir(), 'console-')));
  const page = join(folder.path, 'page');
  await mkdir(join(page, 'assets'), { recursive: true });
  await writeFile(join(page, 'index.html'), PAGE);
  await writeFile(join(page, 'assets', 'main-1a2b.js'), SCRIPT);
  const tokenFile = join(folder.path, 'operator.token');
  await writeFile(tokenFile, await createTokens()('operator', 'console'));
  const shop = resources.use(await startVirtualService({ services: [...EVERY_SERVICE, ControlService] }));
  const level = process.env.TEST_LOG_LEVEL ?? 'silent';
  const config = loadConfig({
    ...Object.fromEntries(SERVICE_NAMES.map((name) => [`${name.toUpperCase()}_URL`, shop.url])),
    ...TEST_IDENTITY,
    LOCAL_CONTROL_URL: shop.url,
    CONSOLE_PORT: '0',
    CONSOLE_SIGN_IN: 'off',
    CONSOLE_PAGE_DIR: page,
    IDENTITY_TOKEN_FILE: tokenFile,
    LOG_LEVEL: level,
    ...environment,
  });
  const service = resources.use(createConsoleService(config, createLog({ service: 'console', level })));
  const { url } = await service.start();
  const owned = resources.move();
  return {
    url,
    shop,
    secretFile: tokenFile,
    client: (forwarded, headers = {}) =>
      createClient(
        forwarded,
        createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [withHeaders(headers)] }),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function withHeaders(headers: Record<string, string>): Interceptor {
  return (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
}
