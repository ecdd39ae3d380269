// What the cluster test kills, one after the other. Each kill ends when all replicas and copies are there again.
import { type ClusterPlatform, replicasOf } from './platform.ts';

export type Kill = {
  readonly name: string;
  /** Kills, brings it back, and waits until it is as good as before. */
  run(): Promise<void>;
};

const BROKERS = [0, 1, 2] as const;

/** The kills in order: brokers, each once with its disk, then database servers, then every replica of every service. */
export function listKills({ stack, brokers, databases }: ClusterPlatform): Kill[] {
  return [
    ...BROKERS.map((server) => ({
      name: `broker ${server}, with its disk`,
      run: async () => {
        await brokers.killAndWipe(server);
        await brokers.start(server);
        await brokers.awaitReplicas();
      },
    })),
    {
      name: 'database primary, promoting its standby',
      run: async () => {
        await databases.failOver();
        await databases.restoreStandby();
      },
    },
    {
      name: 'database standby',
      run: databases.restartStandby,
    },
    ...replicasOf(stack).map((replica) => ({
      name: replica,
      run: async () => {
        await stack.kill(replica);
        await stack.waitUntilHealthy(replica);
      },
    })),
  ];
}
