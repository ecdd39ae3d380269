// grpc.health.v1.Health over a HealthRegistry: what load balancers, probes and other services ask before they call.

import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { Health as HealthService } from '../gen/health/v1/health_pb.ts';
import { type HealthRegistry, ServingStatus } from './health-registry.ts';

export { HealthService, ServingStatus };

/** Returns the health service that answers from `registry`. */
export function createHealthService(registry: HealthRegistry): ServiceImpl<typeof HealthService> {
  return {
    check({ service }) {
      const status = registry.get(service);
      if (status === undefined) throw new ConnectError(`unknown service "${service}"`, Code.NotFound);
      return { status };
    },
    list() {
      const statuses = Object.entries(registry.list()).map(([name, status]) => [name, { status }] as const);
      return { statuses: Object.fromEntries(statuses) };
    },
    async *watch({ service }, context) {
      for await (const status of registry.watch(service, context.signal)) {
        yield { status: status ?? ServingStatus.SERVICE_UNKNOWN };
      }
      // Without an error, a caller whose deadline has passed would take the watch for complete.
      context.signal.throwIfAborted();
    },
  };
}
