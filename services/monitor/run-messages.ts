// Runs as the contract's messages.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Journey, RunResult, type RunSchema } from '#gen/shop/monitor/v1/monitor_pb.ts';
import type { Validation } from '../platform/base/validation.ts';
import type { JourneyName } from './journey.ts';
import type { Run } from './run-store.ts';

/** A run as clients see it. */
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

/** The journey a client named; undefined for none. Adds a violation for a number that is no journey. */
export function fromJourneyMessage(journey: Journey, validation: Validation): JourneyName | undefined {
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
      validation.add('journey', `${journey} is not a journey`);
      return undefined;
  }
}
