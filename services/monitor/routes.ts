// The routes of the monitor service: RPC -> use case. It consumes no events.
import type { ConnectRouter } from '@connectrpc/connect';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { callOf } from '../platform/server/call.ts';
import { checkOf } from '../platform/server/request-rules.ts';
import { listRuns, readPage } from './list-runs.ts';
import { type RunJourneyDependencies, runJourney } from './run-journey.ts';
import type { RunStore } from './run-store.ts';

export type RouteDependencies = RunJourneyDependencies & { readonly store: RunStore };

/** What is checked of requests beside the rules of the contract. */
export const MONITOR_CHECKS = [checkOf(MonitorService.method.listRuns, readPage)];

/** Registers the RPCs. */
export function createMonitorRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  return (router) =>
    router.service(MonitorService, {
      runJourney: (request, context) => runJourney(dependencies, request, callOf(context)),
      listRuns: (request) => listRuns(dependencies, request),
    });
}
