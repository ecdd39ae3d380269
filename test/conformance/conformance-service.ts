// The service that Connect's conformance suite calls: it answers as each request tells it to, and echoes what it has observed.
import { create, type DescService, type FileRegistry, type Message } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { type Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { pause } from '#services/platform/base/backoff.ts';

const PACKAGE = 'connectrpc.conformance.v1';

type Header = { readonly name: string; readonly value: readonly string[] };
type Failure = { readonly code: Code; readonly message?: string; readonly details: readonly Any[] };
type Definition = {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
};
type UnaryDefinition = Definition & {
  readonly response:
    | { case: 'responseData'; value: Uint8Array }
    | { case: 'error'; value: Failure }
    | { case: undefined };
};
type StreamDefinition = Definition & { readonly responseData: readonly Uint8Array[]; readonly error?: Failure };
type UnaryRequest = Message & { readonly responseDefinition?: UnaryDefinition };
type StreamRequest = Message & { readonly responseDefinition?: StreamDefinition; readonly fullDuplex?: boolean };

/** The suite's service by the descriptors of its protos. */
export function findConformanceService(registry: FileRegistry): DescService {
  const service = registry.getService(`${PACKAGE}.ConformanceService`);
  if (service === undefined) throw new Error(`the protos of the suite have no ${PACKAGE}.ConformanceService`);
  return service;
}

// A call whose deadline has passed has no response, also not one that would follow at once.
async function delayResponse(delayMs: number, { signal }: HandlerContext): Promise<void> {
  await pause(delayMs, signal);
  signal.throwIfAborted();
}

/** The implementation; its `Unimplemented` is left out. */
export function createConformanceService(registry: FileRegistry): Partial<ServiceImpl<DescService>> {
  const echo = createEcho(registry);

  const answerUnary = async (requests: readonly UnaryRequest[], context: HandlerContext) => {
    const definition = requests[0]?.responseDefinition;
    setMetadata(context, definition);
    if (definition !== undefined) await delayResponse(definition.responseDelayMs, context);
    const response = definition?.response;
    if (response?.case === 'error') throw toError(response.value, echo.detail(context, requests));
    const data = response?.case === 'responseData' ? response.value : new Uint8Array();
    return { payload: echo.payload(data, context, requests) };
  };

  async function* answerStream(requests: readonly StreamRequest[], context: HandlerContext) {
    const definition = requests[0]?.responseDefinition;
    if (definition === undefined) return;
    setMetadata(context, definition);
    for (const [index, data] of definition.responseData.entries()) {
      await delayResponse(definition.responseDelayMs, context);
      yield { payload: index === 0 ? echo.payload(data, context, requests) : echo.data(data) };
    }
    if (definition.error === undefined) return;
    const isImmediate = definition.responseData.length === 0;
    throw toError(definition.error, ...(isImmediate ? [echo.detail(context, requests)] : []));
  }

  async function* answerInTurn(first: StreamRequest, others: AsyncIterator<StreamRequest>, context: HandlerContext) {
    const definition = first.responseDefinition;
    setMetadata(context, definition);
    const data = [...(definition?.responseData ?? [])];
    const isImmediate = data.length === 0;
    let request: StreamRequest | undefined = first;
    let isFirst = true;
    while (request !== undefined && data.length > 0) {
      await delayResponse(definition?.responseDelayMs ?? 0, context);
      const payload = echo.payload(data.shift() ?? new Uint8Array(), context, [request]);
      yield { payload: isFirst ? payload : echo.withoutHeaders(payload) };
      isFirst = false;
      const next: IteratorResult<StreamRequest> = await others.next();
      request = next.done === true ? undefined : next.value;
    }
    if (request === undefined) {
      for (const left of data) {
        await delayResponse(definition?.responseDelayMs ?? 0, context);
        yield { payload: echo.data(left) };
      }
    }
    if (definition?.error !== undefined) {
      throw toError(definition.error, ...(isImmediate ? [echo.detail(context, [first])] : []));
    }
  }

  const implementation = {
    unary: (request: UnaryRequest, context: HandlerContext) => answerUnary([request], context),
    idempotentUnary: (request: UnaryRequest, context: HandlerContext) => answerUnary([request], context),
    serverStream: (request: StreamRequest, context: HandlerContext) => answerStream([request], context),
    clientStream: async (requests: AsyncIterable<UnaryRequest>, context: HandlerContext) =>
      await answerUnary(await Array.fromAsync(requests), context),
    async *bidiStream(requests: AsyncIterable<StreamRequest>, context: HandlerContext) {
      const incoming = requests[Symbol.asyncIterator]();
      const first = await incoming.next();
      if (first.done === true) return;
      if (first.value.fullDuplex === true) {
        yield* answerInTurn(first.value, incoming, context);
        return;
      }
      const all = [first.value];
      for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) all.push(next.value);
      yield* answerStream(all, context);
    },
  };
  return implementation as unknown as Partial<ServiceImpl<DescService>>;
}

/** Describes what the server observed of a call. */
function createEcho(registry: FileRegistry) {
  const schemaOf = (name: string) => {
    const schema = registry.getMessage(`${PACKAGE}.${name}`);
    if (schema === undefined) throw new Error(`the protos of the suite have no ${name}`);
    return schema;
  };
  const payloadSchema = schemaOf('ConformancePayload');
  const infoSchema = schemaOf('ConformancePayload.RequestInfo');

  const describe = (context: HandlerContext, requests: readonly Message[]): Message => {
    const timeoutMs = context.timeoutMs();
    return create(infoSchema, {
      requestHeaders: toHeaders(context.requestHeader),
      ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
      requests: requests.map((request) => pack(registry, request)),
      ...(context.requestMethod === 'GET'
        ? { connectGetInfo: { queryParams: toHeaders(new URL(context.url).searchParams) } }
        : {}),
    } as Record<string, unknown>);
  };
  return {
    payload: (data: Uint8Array, context: HandlerContext, requests: readonly Message[]): Message =>
      create(payloadSchema, { data, requestInfo: describe(context, requests) } as Record<string, unknown>),
    data: (data: Uint8Array): Message => create(payloadSchema, { data } as Record<string, unknown>),
    withoutHeaders: (payload: Message): Message => {
      const { data, requestInfo } = payload as Message & { data: Uint8Array; requestInfo: { requests: Any[] } };
      return create(payloadSchema, { data, requestInfo: { requests: requestInfo.requests } } as Record<
        string,
        unknown
      >);
    },
    detail: (context: HandlerContext, requests: readonly Message[]): Any =>
      anyPack(infoSchema, describe(context, requests)),
  };
}

function pack(registry: FileRegistry, message: Message): Any {
  const schema = registry.getMessage(message.$typeName);
  if (schema === undefined) throw new Error(`${message.$typeName} is not known`);
  return anyPack(schema, message);
}

function toHeaders(entries: Headers | URLSearchParams): Header[] {
  const values = new Map<string, string[]>();
  for (const [name, value] of entries) values.set(name, [...(values.get(name) ?? []), value]);
  return [...values].map(([name, value]) => ({ name, value }));
}

function setMetadata({ responseHeader, responseTrailer }: HandlerContext, definition: Definition | undefined): void {
  for (const { name, value } of definition?.responseHeaders ?? [])
    for (const one of value) responseHeader.append(name, one);
  for (const { name, value } of definition?.responseTrailers ?? [])
    for (const one of value) responseTrailer.append(name, one);
}

function toError({ code, message, details }: Failure, ...more: readonly Any[]): ConnectError {
  const error = new ConnectError(message ?? '', code);
  error.details = [...details, ...more].map(({ typeUrl, value }) => ({ type: typeUrl.replace(/^.*\//, ''), value }));
  return error;
}
