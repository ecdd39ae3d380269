import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFeatureFlags } from '#services/platform/flags/feature-flags.ts';
import { createFlagProvider } from '#services/platform/flags/flag-provider.ts';
import { pricingFlags } from '../../../support/flags.ts';
import { recordLog } from '../support/recorded-log.ts';

const FLAG = 'new_pricing_algorithm';
const customers = Array.from({ length: 20_000 }, (_, index) => `customer-${index}`);

/** A provider over a document that a test changes, and the time its looks take. */
async function openProvider(first: string) {
  const document = { text: first, fault: undefined as Error | undefined };
  const { log, messages, lines } = recordLog();
  const provider = createFlagProvider(async () => {
    if (document.fault !== undefined) throw document.fault;
    return document.text;
  }, log);
  await provider.initialize?.();
  const isOn = async (targetingKey: string): Promise<boolean> =>
    (await provider.resolveBooleanEvaluation(FLAG, false, { targetingKey }, console)).value;
  return {
    document,
    isOn,
    lines,
    messages,
    /** Lets the provider look so many times. */
    look: (times = 1) => vi.advanceTimersByTimeAsync(500 * times),
    customersIn: async () => {
      const chosen = await Promise.all(customers.map(isOn));
      return new Set(customers.filter((_, index) => chosen[index]));
    },
    [Symbol.asyncDispose]: async () => provider.onClose?.(),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a percentage', () => {
  it('of 10 takes 9 to 11 % of 20,000 customers, each always in or always out', { tags: 'seed-8.2' }, async () => {
    await using flags = await openProvider(pricingFlags(10));
    const chosen = await flags.customersIn();
    expect(chosen.size).toBeGreaterThan(1_800);
    expect(chosen.size).toBeLessThan(2_200);
    expect(await flags.customersIn()).toEqual(chosen);
  });

  it('takes the same customers after a restart, and on every replica', { tags: 'seed-8.2' }, async () => {
    await using flags = await openProvider(pricingFlags(10));
    await using restarted = await openProvider(pricingFlags(10));
    expect(await restarted.customersIn()).toEqual(await flags.customersIn());
  });

  it('keeps all who were in when it grows', { tags: 'seed-8.2' }, async () => {
    await using flags = await openProvider(pricingFlags(0));
    let before = await flags.customersIn();
    expect(before.size).toBe(0);
    for (const percentage of [1, 10, 25, 50, 99, 100]) {
      flags.document.text = pricingFlags(percentage);
      await flags.look();
      const chosen = await flags.customersIn();
      expect([...before].filter((customer) => !chosen.has(customer))).toEqual([]);
      expect(Math.abs(chosen.size / 200 - percentage)).toBeLessThanOrEqual(1);
      before = chosen;
    }
    expect(before.size).toBe(customers.length);
  });

  it('of 0 selects no customer, within a second of its change', { tags: 'seed-8.2' }, async () => {
    await using flags = await openProvider(pricingFlags(100));
    expect(await flags.isOn('cust123')).toBe(true);
    flags.document.text = pricingFlags(0);
    await vi.advanceTimersByTimeAsync(999);
    expect((await flags.customersIn()).size).toBe(0);
  });
});

describe('a document that cannot be used', () => {
  it.each<[string, string, string]>([
    ['half of it', pricingFlags(0).slice(0, 40), 'JSON'],
    ['nothing', '', 'JSON'],
    ['no object', '[]', 'see its top'],
    ['no flags', '{}', 'see its top'],
    ['an unknown state', pricingFlags(0).replace('ENABLED', 'ON'), '/flags/new_pricing_algorithm/state'],
    ['a percentage in quotes', pricingFlags(0).replace('["on",0]', '["on","0"]'), 'targeting/fractional/0'],
    ['a rule that does not exist', pricingFlags(0).replace('fractional', 'fractoinal'), '/flags/new_pricing_algorithm'],
    ['a default that is no variant', pricingFlags(0).replace(':"off"', ':"none"'), 'Default variant none missing'],
  ])('with %s leaves the last valid one in force and is logged once', async (_, text, fault) => {
    await using flags = await openProvider(pricingFlags(100));
    flags.document.text = text;
    await flags.look(10);
    expect(await flags.isOn('cust123')).toBe(true);
    expect(flags.messages('warn')).toEqual(['the feature flags cannot be read, the last good flags stay in force']);
    expect(flags.lines.find(({ level }) => level === 'warn')?.fault).toContain(fault);
  });

  it('that is gone leaves the last good one in force, and the next good one counts', async () => {
    await using flags = await openProvider(pricingFlags(100));
    flags.document.fault = new Error('ENOENT: no such file');
    await flags.look(10);
    expect(await flags.isOn('cust123')).toBe(true);
    expect(flags.messages('warn')).toHaveLength(1);
    flags.document.fault = undefined;
    flags.document.text = pricingFlags(0);
    await flags.look();
    expect(await flags.isOn('cust123')).toBe(false);
  });

  it('from the start leaves the defaults in force and says so, until there is one', async () => {
    await using flags = await openProvider('{');
    await flags.look();
    expect(await flags.isOn('cust123')).toBe(false);
    expect(flags.messages('warn')).toEqual(['the feature flags cannot be read, the defaults stay in force']);
    flags.document.text = pricingFlags(100);
    await flags.look();
    expect(await flags.isOn('cust123')).toBe(true);
  });

  it('for the moment of being written is not complained about', async () => {
    await using flags = await openProvider(pricingFlags(0));
    flags.document.text = pricingFlags(100).slice(0, 40);
    await flags.look();
    flags.document.text = pricingFlags(100);
    await flags.look(3);
    expect(await flags.isOn('cust123')).toBe(true);
    expect(flags.messages('warn')).toEqual([]);
  });

  it('is logged again when it breaks again', async () => {
    await using flags = await openProvider(pricingFlags(0));
    for (const text of ['{', pricingFlags(1), '{']) {
      flags.document.text = text;
      await flags.look(3);
    }
    expect(flags.messages('warn')).toHaveLength(2);
  });
});

describe('a flag', () => {
  it('that is not in the document is off', async () => {
    await using flags = await openProvider('{"flags":{}}');
    expect(await flags.isOn('cust123')).toBe(false);
  });

  it('that is disabled is off, whatever its percentage', async () => {
    await using flags = await openProvider(pricingFlags(100).replace('ENABLED', 'DISABLED'));
    expect(await flags.isOn('cust123')).toBe(false);
  });

  it('is off before the start', async () => {
    const { log } = recordLog();
    const flags = createFeatureFlags({ file: '/no/such/file.json', flagdUrl: undefined, log });
    expect(await flags.isOn(FLAG, 'cust123')).toBe(false);
  });

  it('is looked for no longer once stopped', async () => {
    const flags = await openProvider(pricingFlags(0));
    await flags[Symbol.asyncDispose]();
    flags.document.text = pricingFlags(100);
    await flags.look(10);
    expect(await flags.isOn('cust123')).toBe(false);
  });
});

it('the flags that come with the order service are valid, and give no customer new prices', async () => {
  const file = fileURLToPath(new URL('../../../../services/order/flags.json', import.meta.url));
  await using flags = await openProvider(await readFile(file, 'utf8'));
  expect(flags.messages('info')).toEqual(['feature flags loaded']);
  expect((await flags.customersIn()).size).toBe(0);
});
