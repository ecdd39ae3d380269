// A remembered span as the control port answers it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SpanSchema } from '#gen/local/control/v1/control_pb.ts';
import type { RememberedSpan } from './span-memory.ts';

/** Times keep their microseconds. */
export function toSpanMessage(span: RememberedSpan): MessageInitShape<typeof SpanSchema> {
  const { process, spanId, parentId, name, kind, start, milliseconds, outcome, failed } = span;
  return {
    ...{ process, spanId, parentId, name, kind, outcome, failed },
    startTime: partsOf(start),
    duration: partsOf(milliseconds),
  };
}

/** Seconds and nanoseconds, as google.protobuf.Timestamp and Duration have them. */
function partsOf(milliseconds: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(milliseconds / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.floor((milliseconds - seconds * 1_000) * 1_000) * 1_000 };
}
