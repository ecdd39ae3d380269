// The options of commands that connect to a broker, as what it is connected with.
import { expect, it } from 'vitest';
import { type BrokerFlags, toBrokerOptions } from '../../../../packages/kit/nats/broker-options.ts';

it.each<[string, Partial<BrokerFlags>, object]>([
  ['no TLS without a certificate', { natsUser: 'me', natsPassword: 's3cret' }, { user: 'me', password: 's3cret' }],
  ['TLS with the authority of the broker', { natsCa: 'ca.pem' }, { tls: { caFile: 'ca.pem' } }],
  [
    'TLS with a client certificate for a broker of a public authority',
    { natsCert: 'me.pem', natsKey: 'me.key' },
    { tls: { certFile: 'me.pem', keyFile: 'me.key' } },
  ],
])('mean %s', (_, flags, expected) => {
  expect(toBrokerOptions({ nats: 'nats://broker', ...flags })).toEqual({ url: 'nats://broker', ...expected });
});
