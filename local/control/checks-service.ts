// The RPCs of ControlService that start a proof: chaos experiments, and the comparison of contracts.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ControlService } from '#gen/local/control/v1/control_pb.ts';
import type { CheckContracts } from './checks/contract-check.ts';
import type { ExperimentRun, Experiments } from './checks/experiments.ts';

export type CheckDependencies = {
  readonly experiments: Pick<Experiments, 'list' | 'latest' | 'start' | 'stop'>;
  readonly checkContracts: CheckContracts;
};

type Checks = Pick<
  ServiceImpl<typeof ControlService>,
  'listExperiments' | 'startExperiment' | 'stopExperiment' | 'checkContracts'
>;

/** Creates their implementation. */
export function createChecksService({ experiments, checkContracts }: CheckDependencies): Checks {
  return {
    listExperiments: async () => {
      const run = experiments.latest();
      return { experiments: [...(await experiments.list())], ...(run === undefined ? {} : { run: toMessage(run) }) };
    },
    startExperiment: async ({ experiment }) => ({ run: toMessage(await experiments.start(experiment)) }),
    stopExperiment: async () => {
      await experiments.stop();
      return {};
    },
    checkContracts: () => checkContracts(),
  };
}

function toMessage({ start, end, lines, ...run }: ExperimentRun) {
  return {
    ...run,
    lines: [...lines],
    startTime: timestampFromDate(start),
    ...(end === undefined ? {} : { endTime: timestampFromDate(end) }),
  };
}
