// Mapping of runs to messages of the contract.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Journey, RunResult, type RunSchema } from '#gen/shop/monitor/v1/monitor_pb.ts';
import type { JourneyName } from './journey.ts';
import type { Run } from './run-store.ts';

/** Maps a run to `shop.monitor.v1.Run`. */
export function toRunMessage(run: Run): MessageInitShape<typeof RunSchema> {
  const { runId, failureReason, orderId, traceId } = run;
  return {
    runId,
    journey: Journey[run.journey],
    result: run.result === undefined ? RunResult.UNSPECIFIED : RunResult[run.result],
    failureReason,
    duration: durationFromMs(run.durationMs),
    orderId,
    traceId,
    startTime: timestampFromDate(run.startTime),
  };
}

/**
 * Maps the requested journey; undefined when none is set.
 * @throws {RangeError} The number is not a journey.
 */
export function fromJourneyMessage(journey: Journey): JourneyName | undefined {
  switch (journey) {
    case Journey.UNSPECIFIED:
      return undefined;
    case Journey.ORDER:
      return 'ORDER';
    case Journey.DECLINE:
      return 'DECLINE';
    case Journey.CANCEL:
      return 'CANCEL';
    case Journey.QUOTE:
      return 'QUOTE';
    default:
      throw new RangeError(`${journey} is not a journey`);
  }
}
