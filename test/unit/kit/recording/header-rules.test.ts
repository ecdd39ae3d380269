// Headers are recorded by name; the values of credential headers are redacted.
import { describe, expect, it } from 'vitest';
import { relayedOf } from '../../../../packages/kit/forwarding/relayed-headers.ts';
import { HeaderRules } from '../../../../packages/kit/recording/header-rules.ts';

const redacted = { redacted: true };

describe('headers of a recording', () => {
  it.each([
    'Authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'x-api-key',
    'x-amz-security-token',
    'x-session-id',
    'client-secret',
    'x-forwarded-client-cert',
    'ssl-client-cert',
    'x-jwt',
    'cf-access-jwt-assertion',
    'x-goog-iap-jwt-assertion',
    'x-amzn-oidc-data',
    'dpop',
    'x-auth',
    'x-auth-request-email',
    'x-access-key',
  ])('are redacted without a rule: %s', (name) => {
    expect(new HeaderRules([]).record(new Headers({ [name]: 's3cret' }))).toEqual({ [name.toLowerCase()]: redacted });
  });

  it.each(['x-author', 'authority-id', 'x-tenant', 'keyboard'])('are recorded with their value: %s', (name) => {
    expect(new HeaderRules([]).record(new Headers({ [name]: 'a' }))).toEqual({ [name]: 'a' });
  });

  it('are redacted only by the whole name, in which a dot is a dot', () => {
    const headers = { 'x-member': 'm', 'my-x-member': 'm', 'x-tenant': 'n', 'x.tenant': 'n' };
    const recorded = new HeaderRules(['x-member', 'x.tenant']).record(new Headers(headers));

    expect(recorded).toEqual({ ...headers, 'x-member': redacted, 'x.tenant': redacted });
  });

  it('are redacted by name or a part of it, and ordered by name', () => {
    const rules = new HeaderRules(['x-member', 'acme-*']);

    const recorded = rules.record(new Headers({ 'x-tenant': 'n', 'x-member': 'm', 'acme-a': 'a', 'x-members': 'all' }));

    expect(JSON.stringify(recorded)).toBe(
      '{"acme-a":{"redacted":true},"x-member":{"redacted":true},"x-members":"all","x-tenant":"n"}',
    );
  });

  it('are redacted whatever the letter case of the rule', () => {
    const rules = new HeaderRules(['X-Member', 'ACME-*']);

    expect(rules.record(new Headers({ 'x-member': 'm', 'Acme-A': 'a', 'x-tenant': 'n' }))).toEqual({
      'acme-a': redacted,
      'x-member': redacted,
      'x-tenant': 'n',
    });
  });

  it('are refused in a rule that is not a header name', () => {
    expect(() => new HeaderRules(['x member'])).toThrow('redact.headers: "x member" is not a header name');
  });

  it('are forwarded without those of the connection and the protocol, including binary error details', () => {
    const headers = new Headers({
      connection: 'keep-alive',
      'content-type': 'application/grpc',
      'grpc-status-details-bin': 'c2VjcmV0',
      'grpc-timeout': '1S',
      'connect-timeout-ms': '1000',
      'access-control-allow-origin': '*',
      'my-access-control-list': 'a',
      'grpc-timeouts': '1',
      traceparent: '00-1',
      'x-data-bin': 'AQ',
    });

    expect([...relayedOf(headers)]).toEqual([
      ['grpc-timeouts', '1'],
      ['my-access-control-list', 'a'],
      ['traceparent', '00-1'],
      ['x-data-bin', 'AQ'],
    ]);
  });
});
