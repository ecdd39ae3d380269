// How many events wait for each consumer, as the broker of the local stack counts them.
import { useQuery } from '@connectrpc/connect-query';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import type { WaitingEvents } from './model/queues.ts';

/** Undefined where there is no local stack, and while its broker cannot be read. */
export function useQueues(local: boolean): readonly WaitingEvents[] | undefined {
  const { data, error } = useQuery(ControlService.method.listQueues, {}, { enabled: local, refetchInterval: 1_000 });
  return error === null ? data?.queues : undefined;
}
