// RPC -> use case: the table of contents of the monitor service. It consumes no events.
import type { ConnectRouter } from '@connectrpc/connect';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { listRuns } from './list-runs.ts';
import { type RunJourneyDependencies, runJourney } from './run-journey.ts';
import type { RunStore } from './run-store.ts';

export type RouteDependencies = RunJourneyDependencies & { readonly store: RunStore };

/** Registers the RPCs. */
export function createMonitorRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  return (router) =>
    router.service(MonitorService, {
      runJourney: (request, context) => runJourney(dependencies, request, context.signal),
      listRuns: (request) => listRuns(dependencies.store, request),
    });
}
