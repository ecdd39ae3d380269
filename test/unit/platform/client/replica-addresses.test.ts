import type { LookupAddress } from 'node:dns';
import { describe, expect, it, vi } from 'vitest';
import { ConfigError, httpUrls, parseSettings } from '#services/platform/base/settings.ts';
import { createReplicaAddresses } from '#services/platform/client/replica-addresses.ts';

const v4 = (address: string): LookupAddress => ({ address, family: 4 });
const v6 = (address: string): LookupAddress => ({ address, family: 6 });

/** Addresses whose names resolve to what the test says, by a clock that stands. */
function createAddresses(list: string, answers: readonly (readonly LookupAddress[])[]) {
  const clock = { ms: 0 };
  let asked = 0;
  const lookup = vi.fn(async () => answers[Math.min(asked++, answers.length - 1)] ?? []);
  const addresses = createReplicaAddresses(list, { lookup, now: () => clock.ms });
  return { addresses, lookup, clock };
}

describe('the addresses of replicas', () => {
  it('are those of the list, which DNS is not asked for', async () => {
    const list = 'http://127.0.0.1:1, http://[::1]:2,http://localhost:3';
    const { addresses, lookup } = createAddresses(list, [[v4('10.0.0.1')]]);

    expect(await addresses.current()).toEqual([
      { url: 'http://127.0.0.1:1' },
      { url: 'http://[::1]:2' },
      { url: 'http://localhost:3' },
    ]);
    expect(lookup).not.toHaveBeenCalled();
  });

  it('are all those of a name, with the name for the certificate', async () => {
    const { addresses } = createAddresses('https://inventory:50052', [[v4('10.0.0.1'), v4('10.0.0.2'), v6('fd00::1')]]);

    expect(await addresses.current()).toEqual([
      { url: 'https://10.0.0.1:50052', serverName: 'inventory' },
      { url: 'https://10.0.0.2:50052', serverName: 'inventory' },
    ]);
  });

  it.each([
    ['one address', [v4('10.0.0.1')]],
    ['one address of each family', [v6('fd00::1'), v4('10.0.0.1')]],
    ['no address, which the call then reports', []],
  ])('are the name itself when it has %s', async (_case, found) => {
    const { addresses } = createAddresses('http://inventory:50052', [found]);

    expect(await addresses.current()).toEqual([{ url: 'http://inventory:50052' }]);
  });

  it('stay what they were while DNS fails, and follow it again later', async () => {
    const { addresses, lookup, clock } = createAddresses('http://one:1,http://two:2', [
      [v4('10.0.0.1'), v4('10.0.0.2')],
      [v4('10.0.0.3'), v4('10.0.0.4')],
      [v4('10.0.0.5'), v4('10.0.0.6')],
    ]);
    const urls = async () => (await addresses.current()).map(({ url }) => url);
    const known = ['http://10.0.0.1:1', 'http://10.0.0.2:1', 'http://10.0.0.3:2', 'http://10.0.0.4:2'];
    expect(await urls()).toEqual(known);

    const failures = [new Error('SERVFAIL'), new Error('SERVFAIL')];
    for (const failure of failures) lookup.mockRejectedValueOnce(failure);
    clock.ms += 10_000;
    await addresses.current();
    await expect.poll(urls).toEqual(known);
    expect(lookup).toHaveBeenCalledTimes(4);

    lookup.mockRejectedValueOnce(new Error('SERVFAIL'));
    clock.ms += 10_000;
    await addresses.current();
    await expect
      .poll(urls)
      .toEqual(['http://10.0.0.1:1', 'http://10.0.0.2:1', 'http://10.0.0.5:2', 'http://10.0.0.6:2']);
  });

  it('are the name itself when DNS fails from the start, which the call then reports', async () => {
    const { addresses, lookup } = createAddresses('http://inventory:50052', []);
    lookup.mockRejectedValueOnce(new Error('ENOTFOUND'));

    expect(await addresses.current()).toEqual([{ url: 'http://inventory:50052' }]);
  });

  it('follow the name every 10 s, while calls go on with those known so far', async () => {
    const answers = [
      [v6('fd00::1'), v6('fd00::2')],
      [v6('fd00::2'), v6('fd00::3')],
    ];
    const { addresses, lookup, clock } = createAddresses('http://inventory:1', answers);
    const urls = async () => (await addresses.current()).map(({ url }) => url);

    expect(await urls()).toEqual(['http://[fd00::1]:1', 'http://[fd00::2]:1']);
    clock.ms = 9_999;
    await urls();
    expect(lookup).toHaveBeenCalledTimes(1);
    clock.ms = 10_000;
    expect(await urls()).toEqual(['http://[fd00::1]:1', 'http://[fd00::2]:1']);
    await expect.poll(urls).toEqual(['http://[fd00::2]:1', 'http://[fd00::3]:1']);
    expect(lookup).toHaveBeenCalledTimes(2);
  });
});

it.each(['http://one:1,', 'http://one:1,ftp://two:2', 'one:1,two:2'])('a setting refuses the list %s', (list) => {
  const parse = () => parseSettings({ INVENTORY_URL: list }, { INVENTORY_URL: httpUrls('http://127.0.0.1:1') });

  expect(parse).toThrow(ConfigError);
  expect(parse).toThrow('INVENTORY_URL must be addresses that start with http:// or https://, separated by commas');
});
