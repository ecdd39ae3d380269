import type { ConnectRouter } from '@connectrpc/connect';
import { createRpcServer } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { EchoService, echo } from '../../support/echo/echo-service.ts';

const routes = (router: ConnectRouter) => router.service(EchoService, echo);

describe('the routes of a server', () => {
  it('are the services of the caller, health and both reflections', () => {
    const { services } = createRpcServer({ routes });

    expect(services.map(({ typeName }) => typeName)).toEqual([
      'echo.v1.EchoService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]);
  });

  it('refuse an RPC that is registered twice', () => {
    const twice = (router: ConnectRouter) => routes(router).rpc(EchoService.method.say, echo.say);

    expect(() => createRpcServer({ routes: twice })).toThrow('/echo.v1.EchoService/Say is registered twice');
  });

  it('refuse a plain HTTP route on the path of an RPC', () => {
    const httpRoutes = { '/echo.v1.EchoService/Say': () => undefined };

    expect(() => createRpcServer({ routes, httpRoutes })).toThrow('/echo.v1.EchoService/Say is the path of an RPC');
  });
});
