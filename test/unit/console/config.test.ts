import { describe, expect, it } from 'vitest';
import { loadConfig } from '#services/console/config.ts';

describe('the config of the console', () => {
  it('has a default for everything, and needs a sign-in', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8_080,
      signIn: true,
      localControlUrl: undefined,
      usageDirectory: undefined,
      verificationFolders: { contracts: undefined, results: undefined },
      breakerResetMs: 1_000,
      urls: { order: 'http://127.0.0.1:50051', monitor: 'http://127.0.0.1:50056' },
    });
    expect(loadConfig({}).pageDirectory).toMatch(/services\/console\/page\/dist$/);
  });

  it.each([
    ['CONSOLE_PORT', 'eighty'],
    ['PAYMENT_URL', 'payment:50053'],
    ['LOCAL_CONTROL_URL', 'ftp://127.0.0.1'],
    ['CONSOLE_SIGN_IN', 'maybe'],
    ['BREAKER_RESET_MS', '0'],
  ])('names %s when it is %s', (name, value) => {
    expect(() => loadConfig({ [name]: value })).toThrow(name);
  });

  it.each(['0.0.0.0', '10.0.0.7', '::', 'console.example'])('refuses to go without a sign-in on %s', (HOST) => {
    expect(() => loadConfig({ HOST, CONSOLE_SIGN_IN: 'off' })).toThrow('CONSOLE_SIGN_IN must be on');
    expect(loadConfig({ HOST }).signIn).toBe(true);
  });
});
