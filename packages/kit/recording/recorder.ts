// The recorder: a real server on a real port in front of a real service. Calls pass on to the service as they came, and
// each is written down when it has ended, before its caller learns the end.

import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  Message,
} from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { createRpcServer, type HealthRegistry } from '@touchstone/rpc-server';
import { createTypeRegistry } from '../matching/type-registry.ts';
import type { CaptureOptions } from './capture.ts';
import type { Recording } from './exchange.ts';
import { FieldRules } from './field-rules.ts';
import { forwardStream, forwardUnary, onlyOf } from './forward-call.ts';
import { HeaderRules } from './header-rules.ts';
import { RecordingError } from './recording-error.ts';
import { createFileStore, createMemoryStore, RecordingLog } from './recording-log.ts';
import { createUpstream, type Upstream } from './upstream.ts';

/** What a recording must not hold, beside what it never holds: fields with `debug_redact`, and headers that let in. */
export interface Redaction {
  /**
   * Fields by name: `pkg.Message.field`, further into it as `pkg.Message.field.field`, `*.field` for every message that
   * has it, `pkg.Message.*` for all of one.
   */
  readonly fields?: readonly string[];
  /** Names of headers and trailers, in which `*` stands for any characters. */
  readonly headers?: readonly string[];
  /** Whether the texts of errors are left out too. */
  readonly errorMessages?: boolean;
}

/** What a recorder stands before, what it leaves out, and where it writes and listens. */
export interface RecorderOptions {
  /** Where the service listens, such as `http://127.0.0.1:50052`. */
  readonly upstream: string;
  /** The HTTP version in which the service is called, but for gRPC, which needs 2. Default: that of each call. */
  readonly upstreamHttp?: '1.1' | '2';
  /** The services that pass through; calls of others are not served. */
  readonly services: readonly DescService[];
  /** Types that messages may hold in a `google.protobuf.Any` or an error in its details, beyond those in the services' files. */
  readonly types?: readonly DescMessage[];
  readonly redact?: Redaction;
  /** The file to write. Default: none, and `recording()` returns what there is. */
  readonly file?: string;
  /** Whether a file that is there already is replaced. Default: it is an error. */
  readonly replaces?: boolean;
  /** How many exchanges are recorded. Default 10,000. */
  readonly maxExchanges?: number;
  /** How large the recording may be, what calls that are running hold of it included, in bytes. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Told, as it comes up, what `problems()` returns. */
  readonly onProblem?: (problem: string) => void;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on; 0, the default, lets the system choose a free one. */
  readonly port?: number;
}

/** A running recorder. It stops when it is disposed of. */
export interface Recorder extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect there. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses its own health service answers with; they are not the service's. */
  readonly health: HealthRegistry;
  /** How many exchanges are in the recording. */
  readonly recorded: number;
  /** How many calls passed and are not in it: it was full, or could not hold them. */
  readonly lost: number;
  /** Returns what is missing from the recording and why, in the order it came up; the first 1,000. */
  problems(): readonly string[];
  /** Returns what is recorded so far. */
  recording(): Recording;
  /** Ends running calls with `unavailable`, and closes the port and the file. */
  stop(): Promise<void>;
}

const defaultMaxExchanges = 10_000;
const defaultMaxBytes = 64 * 1024 * 1024;
// What is too large for the service is for the service to say.
const maxRequestBytes = 256 * 1024 * 1024;

/**
 * Starts a recorder in front of a service.
 *
 * @throws RecordingError naming an option that cannot be used: a redaction rule for a field that does not exist, a file
 *   that is there; Error naming host and port when the address cannot be had.
 */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const { services, types = [], redact = {}, maxExchanges = defaultMaxExchanges, maxBytes = defaultMaxBytes } = options;
  assertLimit('maxExchanges', maxExchanges);
  assertLimit('maxBytes', maxBytes);
  if (services.length === 0) throw new RecordingError('services: there is none to record');
  const registry = createTypeRegistry([...services, ...types]);
  const fields = new FieldRules(redact.fields ?? [], registry, 'redact.fields');
  const headers = new HeaderRules(redact.headers ?? []);
  await using opened = new AsyncDisposableStack();
  const upstream = opened.use(createUpstream(options.upstream, registry, options.upstreamHttp));
  const store =
    options.file === undefined ? createMemoryStore() : createFileStore(options.file, options.replaces ?? false);
  const log = new RecordingLog(store, { maxExchanges, maxBytes }, options.onProblem ?? noDecision);
  opened.defer(() => log.close());
  const capture = { log, registry, fields, headers, redactsErrorMessages: redact.errorMessages ?? false };
  const server = createRpcServer({
    routes: (router) => {
      for (const method of services.flatMap(({ methods }) => methods)) route(router, method, upstream, capture);
    },
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    maxRequestBytes,
    jsonOptions: { registry, ignoreUnknownFields: false },
  });
  opened.defer(() => server.stop({ graceMs: 0 }));
  const address = await server.listen().catch((error: unknown) => {
    store.remove();
    throw error;
  });
  const resources = opened.move();
  return {
    ...address,
    health: server.health,
    get recorded() {
      return log.recorded;
    },
    get lost() {
      return log.lost;
    },
    problems: () => [...log.problems()],
    recording: () => log.read(),
    stop: () => resources.disposeAsync(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

const noDecision = () => undefined;

function assertLimit(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new RecordingError(`${name}: ${value} is no whole number from 1`);
}

function route(router: ConnectRouter, method: DescMethod, upstream: Upstream, capture: CaptureOptions): void {
  const register = (implementation: unknown) => router.rpc(method, implementation as never);
  const stream = (requests: Iterable<Message> | AsyncIterable<Message>, context: HandlerContext) =>
    forwardStream(method as DescMethodStreaming, requests, context, upstream, capture);
  switch (method.methodKind) {
    case 'unary':
      return void register((request: Message, context: HandlerContext) =>
        forwardUnary(method as DescMethodUnary, request, context, upstream, capture),
      );
    case 'server_streaming':
      return void register((request: Message, context: HandlerContext) => stream([request], context));
    case 'client_streaming':
      return void register((requests: AsyncIterable<Message>, context: HandlerContext) =>
        onlyOf(stream(requests, context), method),
      );
    case 'bidi_streaming':
      return void register(stream);
  }
}
