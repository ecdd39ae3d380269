// The recorder: a real server on a real port in front of a real service. It forwards calls to the service and writes each exchange
// when it ends, before the caller gets the end.

import type { DescMethod, DescMethodStreaming, DescMethodUnary, DescService, Message } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { createRpcServer, type HealthRegistry } from '@touchstone/rpc-server';
import { type BrowserAccess, corsOf } from '../base/browser-access.ts';
import type { ClientTls } from '../base/client-tls.ts';
import { ResourceStack } from '../base/resource-stack.ts';
import { SERVER_LIMITS } from '../base/server-limits.ts';
import { type ServerTls, serverTlsOf } from '../base/server-tls.ts';
import { assertPlaintext, assertTrusted } from '../base/upstream-certificate.ts';
import { forwardStream, forwardUnary, requireResponse } from '../forwarding/forward-call.ts';
import { createUpstream, type Upstream } from '../forwarding/upstream.ts';
import { exactJson } from '../matching/exact-json.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { Capture, type CaptureOptions } from './capture.ts';
import type { Recording } from './exchange.ts';
import { FieldRules } from './field-rules.ts';
import { HeaderRules } from './header-rules.ts';
import { RecordingError } from './recording-error.ts';
import { createFileStore, createMemoryStore, RecordingLog } from './recording-log.ts';

/**
 * What to redact in addition to what is redacted anyway: fields with the option `debug_redact`, fields with the names of credentials
 * and card data, such as `password`, `access_token` or `card_number`, and credential headers.
 */
export type Redaction = {
  /**
   * Fields: `pkg.Message.field`, a field of a nested message as `pkg.Message.field.field`, `*.field` in every message, or
   * `pkg.Message.*` for all fields of a message.
   */
  readonly fields?: readonly string[];
  /** Fields to record although they have such a name, as `pkg.Message.field` or `*.field`. */
  readonly keeps?: readonly string[];
  /** Names of headers and trailers, in which `*` matches any characters. */
  readonly headers?: readonly string[];
  /** Whether to redact the messages of errors. */
  readonly errorMessages?: boolean;
};

/** The upstream service of a recorder, what it redacts, where it writes, and the address it listens on. */
export type RecorderOptions = BrowserAccess &
  ServerTls & {
    /** The URL of the service, such as `http://127.0.0.1:50052`. */
    readonly upstream: string;
    /** How the service is called if its URL is https. */
    readonly upstreamTls?: ClientTls;
    /** The HTTP version for calls to the service, except for gRPC, which requires 2. Default: that of the incoming call. */
    readonly upstreamHttp?: '1.1' | '2';
    /** The services to forward. Calls of other services fail as `unimplemented`. */
    readonly services: readonly DescService[];
    /** Types that a `google.protobuf.Any` or an error detail may hold, in addition to those of the services' files. */
    readonly types?: readonly KnownType[];
    readonly redact?: Redaction;
    /** The file to write. Default: none; the recording is kept in memory, and `recording()` returns it. */
    readonly file?: string;
    /** Whether to replace an existing file. Default: an existing file is an error. */
    readonly replaces?: boolean;
    /** The maximum number of exchanges. Default 10,000. */
    readonly maxExchanges?: number;
    /** The maximum size of the recording in bytes, including what calls in flight have captured. Default 64 MiB. */
    readonly maxBytes?: number;
    /** Address to listen on. Default `127.0.0.1`. */
    readonly host?: string;
    /** Port to listen on. Default 0: any free port. */
    readonly port?: number;
  };

/** A running recorder. Disposing of it stops it. */
export type Recorder = AsyncDisposable & {
  /** Its URL, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses that its own health service reports. They do not depend on the recorded service. */
  readonly health: HealthRegistry;
  /** The number of recorded exchanges. */
  readonly recorded: number;
  /** The number of forwarded calls that are not recorded: the recording was full, or could not represent them. */
  readonly lost: number;
  /** Returns what is missing from the recording and why, in the order of occurrence; the first 1,000. */
  problems(): readonly string[];
  /** Returns the exchanges recorded so far. */
  recording(): Recording;
  /** Ends calls in flight with `unavailable`, and closes the port and the file. */
  stop(): Promise<void>;
};

const DEFAULT_MAX_EXCHANGES = 10_000;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Starts a recorder in front of a service.
 *
 * @throws {RecordingError} naming the invalid option, such as a redaction rule for an unknown field, or a file that exists.
 * @throws {TypeError} `upstream` is no URL of a service, or a certificate or a key cannot be used: names the option and the reason.
 * @throws {ProviderUnreachableError} The certificate of the service is not trusted, or only one side speaks TLS.
 * @throws {Error} naming host and port if the address is not available.
 */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const {
    services,
    types = [],
    redact = {},
    maxExchanges = DEFAULT_MAX_EXCHANGES,
    maxBytes = DEFAULT_MAX_BYTES,
  } = options;
  assertLimit('maxExchanges', maxExchanges);
  assertLimit('maxBytes', maxBytes);
  if (services.length === 0) throw new RecordingError('services: must have at least one service');
  const registry = createTypeRegistry([...services, ...types]);
  const fields = new FieldRules(redact.fields ?? [], registry, 'redact.fields');
  const keeps = new FieldRules(redact.keeps ?? [], registry, 'redact.keeps');
  const headers = new HeaderRules(redact.headers ?? []);
  await using opened = new ResourceStack();
  const upstream = opened.use(
    createUpstream(options.upstream, { registry, http: options.upstreamHttp, tls: options.upstreamTls }),
  );
  const tls = serverTlsOf(options);
  await assertTrusted(options.upstream, options.upstreamTls, 'upstreamTls');
  await assertPlaintext(options.upstream);
  const store =
    options.file === undefined ? createMemoryStore() : createFileStore(options.file, options.replaces ?? false);
  let isListening = false;
  opened.defer(() => {
    if (!isListening) store.remove();
  });
  const log = new RecordingLog(store, { maxExchanges, maxBytes }, options.onProblem ?? (() => undefined));
  opened.defer(() => log.close());
  const capture = { log, registry, fields, keeps, headers, redactsErrorMessages: redact.errorMessages ?? false };
  const server = createRpcServer({
    routes: (router) => {
      for (const method of services.flatMap(({ methods }) => methods)) route(router, method, upstream, capture);
    },
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    ...SERVER_LIMITS,
    // Callers know it by the name of the service it records.
    allowedHosts: ['*'],
    ...corsOf(options),
    ...tls,
  });
  opened.defer(() => server.stop({ graceMs: 0 }));
  const address = await server.listen();
  // Only now: an address in use must not cost the recording that the file holds.
  store.start();
  isListening = true;
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
    stop: () => resources[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

function assertLimit(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new RecordingError(`${name}: must be a whole number of at least 1, not ${value}`);
}

function route(router: ConnectRouter, method: DescMethod, upstream: Upstream, capture: CaptureOptions): void {
  const options = { jsonOptions: exactJson(method, capture.registry, 'refused') };
  const register = (implementation: unknown) => router.rpc(method, implementation as never, options);
  const stream = (requests: Iterable<Message> | AsyncIterable<Message>, context: HandlerContext) =>
    forwardStream(method as DescMethodStreaming, requests, context, upstream, new Capture(method, context, capture));
  switch (method.methodKind) {
    case 'unary':
      return void register((request: Message, context: HandlerContext) =>
        forwardUnary(method as DescMethodUnary, request, context, upstream, new Capture(method, context, capture)),
      );
    case 'server_streaming':
      return void register((request: Message, context: HandlerContext) => stream([request], context));
    case 'client_streaming':
      return void register((requests: AsyncIterable<Message>, context: HandlerContext) =>
        requireResponse(stream(requests, context), method),
      );
    case 'bidi_streaming':
      return void register(stream);
  }
}
