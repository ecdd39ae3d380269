// Calls of a dependency over TLS, before and after the files of this service are renewed.
import { createContextValues } from '@connectrpc/connect';
import { createRpcServer, findClientCertificate } from '@touchstone/rpc-server';
import { expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { createDependency } from '#services/platform/client/rpc-client.ts';
import type { TlsFiles, TlsMaterial } from '#services/platform/identity/tls-files.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

const LIMIT_MS = 20_000;
const AUTHORITY = createAuthority('tests');
const OTHER_AUTHORITY = createAuthority('others');
const SERVER = issueCertificate(AUTHORITY, { name: 'inventory', hosts: ['127.0.0.1'] });

/** Starts a dependency that keeps the names in the certificates of its callers. */
async function startDependency() {
  const callers: (string | undefined)[] = [];
  const server = createRpcServer({
    tls: { ...SERVER, ca: AUTHORITY.cert },
    contextValues: (request) => {
      callers.push(findClientCertificate(request)?.subjectaltname);
      return createContextValues();
    },
    routes: ({ service }) => service(InventoryService, { checkAvailability: () => ({ available: true }) }),
  });
  const { url } = await server.listen();
  return { url, callers, [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
}

/** What a service shows that is called by this name, and whom it trusts. */
function materialOf(name: string, trusted = AUTHORITY): TlsMaterial {
  const { cert, key } = issueCertificate(AUTHORITY, { name, uri: `spiffe://tests/${name}` });
  return { cert: Buffer.from(cert), key: Buffer.from(key), ca: Buffer.from(trusted.cert) };
}

function createClient(url: string, first: TlsMaterial) {
  const listeners: ((material: TlsMaterial) => void)[] = [];
  const tls: TlsFiles = {
    current: () => first,
    onRenewal: (listener) => listeners.push(listener),
    stop: () => undefined,
  };
  const policy = policyOf({ timeoutMs: LIMIT_MS, tryTimeoutMs: LIMIT_MS });
  const dependency = createDependency({
    ...{ url, policy, tls, metrics: createMetrics('order'), log: recordLog('order').log },
  });
  return {
    call: () => dependency.client(InventoryService).checkAvailability({ productId: 'any' }),
    renew: (material: TlsMaterial) => {
      for (const listener of listeners) listener(material);
    },
    [Symbol.asyncDispose]: dependency.stop,
  };
}

it('a renewed certificate is shown from the next call on', async () => {
  await using inventory = await startDependency();
  await using client = createClient(inventory.url, materialOf('first'));
  await client.call();

  client.renew(materialOf('second'));
  await client.call();

  expect(inventory.callers).toEqual(['URI:spiffe://tests/first', 'URI:spiffe://tests/second']);
});

it('a dependency whose authority is new is reached once that authority is among ours', async () => {
  await using inventory = await startDependency();
  await using client = createClient(inventory.url, materialOf('order', OTHER_AUTHORITY));
  await expect(client.call()).rejects.toMatchObject({ failure: 'unreachable' });

  client.renew(materialOf('order'));

  expect(await client.call()).toMatchObject({ available: true });
});
