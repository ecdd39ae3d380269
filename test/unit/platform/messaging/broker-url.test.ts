import { describe, expect, it } from 'vitest';
import { ConfigError, parseSettings } from '#services/platform/base/settings.ts';
import { brokerUrl, parseBrokerUrl } from '#services/platform/messaging/broker-url.ts';

const faultOf = (text: string): string | undefined => {
  try {
    parseSettings({ NATS_URL: text }, { NATS_URL: brokerUrl() });
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')[1]?.trim();
    throw error;
  }
};

describe('the address of the broker', () => {
  it.each([
    ['nats://one:4222', ['one:4222']],
    ['nats://user:secret@one:4222,nats://two:4223', ['one:4222', 'two:4223']],
    ['tls://one:4222, tls://[::1]:4223', ['one:4222', '[::1]:4223']],
    ['nats://u:p@one:1?api_prefix=EVENTS.API,nats://u:p@two:2?api_prefix=EVENTS.API', ['one:1', 'two:2']],
  ])('%s has these servers', (text, servers) => {
    expect(faultOf(text)).toBeUndefined();
    expect(parseBrokerUrl(text).servers).toEqual(servers);
  });

  it('has one login and one prefix for all servers, percent-decoded', () => {
    expect(parseBrokerUrl('tls://the%20user:a%2Cb@one:1?api_prefix=EVENTS.API,tls://two:2')).toEqual({
      servers: ['one:1', 'two:2'],
      isTls: true,
      login: { user: 'the user', pass: 'a,b' },
      apiPrefix: 'EVENTS.API',
    });
    expect(parseBrokerUrl('nats://one:1').login).toBeUndefined();
  });

  it.each([
    ['http://one:4222', 'NATS_URL must be an address that starts with nats:// or tls://'],
    ['nats://', 'NATS_URL must be an address that starts with nats:// or tls://'],
    ['nats://one:1,', 'NATS_URL must be addresses, separated by commas, that start with nats:// or tls://'],
    ['nats://one:1,two:2', 'NATS_URL must be addresses, separated by commas, that start with nats:// or tls://'],
    ['nats://one:1?api_prefx=EVENTS.API', 'NATS_URL must have no other parameter than api_prefix'],
    ['nats://one:1,nats://two:2?tls=on', 'NATS_URL must have no other parameter than api_prefix'],
    ['nats://one:1,tls://two:2', 'NATS_URL must not mix nats:// and tls://'],
    [
      'nats://u:secret@one:1,nats://v:secret@two:2',
      'NATS_URL must name user, password and parameters with the first server, and the same or none with the others',
    ],
  ])('%s is refused, and the refusal names the setting and no secret', (text, fault) => {
    expect(faultOf(text)).toBe(fault);
    expect(() => parseBrokerUrl(text)).toThrow(fault.replace('NATS_URL', 'the address of the broker'));
  });
});
