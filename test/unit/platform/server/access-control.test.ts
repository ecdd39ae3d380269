import { ConnectError, createClient, createRouterTransport, type Interceptor } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { unauthenticated } from '#services/platform/base/errors.ts';
import { type Caller, callerName } from '#services/platform/identity/caller.ts';
import { callerOf, createAccessControl, setServiceCertificate } from '#services/platform/server/access-control.ts';
import { toConnectError } from '#services/platform/server/rpc-errors.ts';

const mapErrors: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    throw toConnectError(error, DOMAIN);
  }
};

/** A server behind access control that answers with the name of its caller; tokens are `operator:olga`, and `bad` is none. */
function serve(certificate?: string) {
  const verifyToken = async (token: string): Promise<Caller> => {
    const [kind, id] = token.split(':');
    if (kind !== 'operator' || id === undefined) throw unauthenticated('TOKEN_INVALID', 'the token is not valid');
    return { kind, id };
  };
  const certify: Interceptor = (next) => (request) => {
    setServiceCertificate(request.contextValues, certificate);
    return next(request);
  };
  const transport = createRouterTransport(
    ({ service }) =>
      service(InventoryService, {
        getProduct: (_request, { values }) => ({ product: { name: callerName(callerOf({ values })) } }),
        reserveStock: (_request, { values }) => ({ reservation: { orderId: callerName(callerOf({ values })) } }),
      }),
    { router: { interceptors: [mapErrors, certify, createAccessControl({ verifyToken, guestsAllowed: false })] } },
  );
  const client = createClient(InventoryService, transport);
  return {
    get: async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      return (await client.getProduct({ productId: 'p' }, { headers })).product?.name;
    },
    reserve: async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      return (await client.reserveStock({ orderId: 'o' }, { headers })).reservation?.orderId;
    },
  };
}

describe('a caller', () => {
  it('is named by its bearer token, whatever the case of the scheme', async () => {
    expect(await serve().get('Bearer operator:olga')).toBe('operator:olga');
    expect(await serve().get('bearer  operator:olga ')).toBe('operator:olga');
  });

  it('without credentials is a guest', async () => {
    expect(await serve().get()).toBe('guest');
  });

  it('with the certificate of a service is that service', async () => {
    expect(await serve('order').reserve()).toBe('service:order');
    await expect(serve('payment').reserve()).rejects.toThrow('only the order service');
  });

  it('that shows a token and a certificate is who the token says', async () => {
    await expect(serve('order').reserve('Bearer operator:olga')).rejects.toThrow(ConnectError);
  });
});

describe('a wrong token', () => {
  it('is refused where no token is needed, too', async () => {
    const answer = await serve()
      .get('Bearer bad')
      .catch((error: ConnectError) => error.rawMessage);
    expect(answer).toBe('the token is not valid');
  });

  it('is refused although the certificate would do', async () => {
    await expect(serve('order').reserve('Bearer bad')).rejects.toThrow('the token is not valid');
  });

  it.each(['', 'Basic b2xnYTpzZWNyZXQ=', 'Bearer', 'Bearer ', 'Bearer a b', 'operator:olga'])(
    'as the header %j is refused',
    async (authorization) => {
      await expect(serve().get(authorization)).rejects.toThrow('authorization must be a bearer token');
    },
  );
});
