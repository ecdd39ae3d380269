// The processes of one service: the replicas that `make run REPLICAS=2` starts are named `order`, `order-2` and so on.
import { ProcessState } from '#gen/local/control/v1/control_pb.ts';

type Named = { readonly name: string; readonly state: ProcessState };

/** The processes of a service, the first one first. */
export function replicasOf<P extends Named>(processes: readonly P[], service: string): P[] {
  return processes.filter(({ name }) => name === service || name.replace(/-\d+$/, '') === service);
}

/** What matters most comes first. */
const BY_CONCERN = [
  ProcessState.DOWN,
  ProcessState.STOPPED,
  ProcessState.PAUSED,
  ProcessState.STARTING,
  ProcessState.HEALTHY,
  ProcessState.EXTERNAL,
];

/** The state of a service by those of its replicas: that of the one in the worst state; and how many of them are healthy. */
export function stateOfReplicas(replicas: readonly Named[]): {
  readonly state: ProcessState;
  readonly healthy: number;
  readonly all: number;
} {
  const state = BY_CONCERN.find((wanted) => replicas.some((replica) => replica.state === wanted));
  const healthy = replicas.filter((replica) => replica.state === ProcessState.HEALTHY).length;
  return { state: state ?? ProcessState.UNSPECIFIED, healthy, all: replicas.length };
}
