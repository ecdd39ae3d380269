// What holds for every server of the kit: JSON with every digit and with packed messages, and calls of web pages.
import { contract, regex, startRecorder, startReplay, startStubServer, startVirtualService } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { makeDirectory } from './contract-files.ts';
import { admit, GarageService } from './garage.ts';

const LARGE = '9007199254740993';
const extra = { '@type': 'type.googleapis.com/garage.v1.Voucher', ticket: LARGE };
// The number is bare, as a person writes it.
const REQUEST = `{"ticket": ${LARGE}, "extra": {"@type": "type.googleapis.com/garage.v1.Voucher", "ticket": ${LARGE}}}`;

type Server = AsyncDisposable & { readonly url: string };

function admitAt(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/garage.v1.GarageService/Admit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant': 'north', ...headers },
    body: REQUEST,
  });
}

/** Starts a server that answers the request with its ticket, and with the header `x-level`. */
type StartServer = (directory: string, options?: { readonly corsCredentials?: boolean }) => Promise<Server>;

const services = [GarageService];

/** Writes a contract through a mock provider, which is a server of the kit as well. */
async function recordContract(directory: string): Promise<void> {
  const packed = { typeUrl: extra['@type'], value: Uint8Array.of(8, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10) };
  await contract('Driver', 'Garage', { directory })
    .uponReceiving('a car')
    .calls(admit, { ticket: BigInt(LARGE), extra: packed })
    .repliesWith({ ticket: BigInt(LARGE), extra: packed }, { headers: { 'x-level': regex(/^P/, 'P2') } })
    .run(async ({ url }) => {
      expect(await (await admitAt(url)).json()).toEqual({ ticket: LARGE, extra });
    });
}

const startStub: StartServer = async (directory, options) => {
  await recordContract(directory);
  return await startStubServer(directory, { services, ...options });
};

const startVirtual: StartServer = async (directory, options) => {
  await recordContract(directory);
  return await startVirtualService({ services, contract: directory, ...options });
};

const startRecording: StartServer = async (directory, options) => {
  const resources = new AsyncDisposableStack();
  const stub = resources.use(await startStub(directory));
  const recorder = resources.use(await startRecorder({ services, upstream: stub.url, ...options }));
  return { url: recorder.url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
};

const startReplaying: StartServer = async (directory, options) => {
  await using stub = await startStub(directory);
  await using recorder = await startRecorder({ services, upstream: stub.url });
  await admitAt(recorder.url);
  return await startReplay(recorder.recording(), { services, ...options });
};

describe.each([
  ['a stub server', startStub],
  ['a virtual service', startVirtual],
  ['a recorder', startRecording],
  ['a replay', startReplaying],
])('%s', (_, start) => {
  it('keeps every digit of bare numbers and reads packed messages in Connect JSON', async () => {
    await using directory = await makeDirectory();
    await using server = await start(directory.path);

    const response = await admitAt(server.url);

    expect([response.status, await response.json()]).toEqual([200, { ticket: LARGE, extra }]);
  });

  it('grants preflights for any header, and exposes its headers by name to scripts with credentials', async () => {
    await using directory = await makeDirectory();
    await using server = await start(directory.path, { corsCredentials: true });
    const origin = 'http://localhost:3000';

    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,x-tenant',
    };
    const preflight = await fetch(`${server.url}/garage.v1.GarageService/Admit`, {
      method: 'OPTIONS',
      headers: { origin, ...asked },
    });
    const exposed = [];
    for (let call = 0; call < 2; call += 1) {
      const { headers } = await admitAt(server.url, { origin });
      exposed.push(headers.get('access-control-expose-headers')?.split(', ').includes('x-level'));
    }

    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization,x-tenant',
    ]);
    expect(preflight.headers.get('access-control-allow-credentials')).toBe('true');
    expect(exposed).toEqual([true, true]);
  });
});
