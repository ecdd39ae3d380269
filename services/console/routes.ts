// The routes of the console: the RPCs that it forwards.
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import type { Dependency } from '../platform/client/rpc-client.ts';
import { forwardService, targetNameOf } from './forward-call.ts';
import { FORWARDED_SERVICES, SERVICE_NAMES, type ServiceName } from './forwarded-services.ts';

export type RouteDependencies = {
  readonly services: Readonly<Record<ServiceName, Dependency>>;
  readonly localControl: Dependency | undefined;
};

/** Registers the RPCs. */
export function createConsoleRoutes({ services, localControl }: RouteDependencies): (router: ConnectRouter) => void {
  const targetOf = (context: HandlerContext) => services[targetNameOf(context.requestHeader, SERVICE_NAMES)];
  return (router) => {
    for (const { target, service } of FORWARDED_SERVICES) forwardService(router, service, () => services[target]);
    forwardService(router, OpsService, targetOf);
    if (localControl !== undefined) forwardService(router, ControlService, () => localControl);
  };
}
