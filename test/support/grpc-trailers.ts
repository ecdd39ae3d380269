// A gRPC call over plain HTTP/2, for what clients built on other libraries see: the size of the trailers, and their fields as they are.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { create, type DescMethodUnary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

const FRAME_HEADER_BYTES = 5;
// What HTTP/2 counts for a field in addition to its name and value.
const FIELD_OVERHEAD_BYTES = 32;

/** Calls a unary RPC and returns its trailers, and their size as HTTP/2 and gRPC's C core count it. */
export async function callForTrailers<Method extends DescMethodUnary>(
  url: string,
  method: Method,
  init: MessageInitShape<Method['input']>,
): Promise<{ readonly trailers: Record<string, string>; readonly bytes: number }> {
  const message = toBinary(method.input, create(method.input, init));
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, FRAME_HEADER_BYTES);

  const session = connect(url, { settings: { maxHeaderListSize: 1_000_000 }, maxSendHeaderBlockLength: 1_000_000 });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${method.parent.typeName}/${method.name}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.resume().end(frame);
    const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>];
    await once(stream, 'close');
    const bytes = Object.entries(trailers).reduce(
      (sum, [name, value]) => sum + name.length + value.length + FIELD_OVERHEAD_BYTES,
      0,
    );
    return { trailers, bytes };
  } finally {
    session.close();
  }
}
