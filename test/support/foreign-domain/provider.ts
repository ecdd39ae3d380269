// The garage as a running service. It knows its messages by descriptors alone.
import { type DescMessage, fromJson, type JsonValue, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Schema } from '@touchstone/kit';
import { createRpcServer, type RpcServerOptions } from '@touchstone/rpc-server';
import { BAYS, FINES, GARAGE, LIFTED, PERMIT } from './examples.ts';

export type RunningGarage = AsyncDisposable & { readonly url: string };

type Stream = AsyncIterable<Message>;
// biome-ignore lint/suspicious/noExplicitAny: there is no generated code for these messages.
type AnyMessage = any;

export type GarageOptions = Pick<RpcServerOptions, 'tls'> & {
  /** Fields of the garage, in JSON, that it has instead of those of the examples. */
  readonly garage?: object;
};

/** Starts the garage. The garage `none` is not found. */
export async function startGarage(
  schema: Schema,
  { garage: drift, ...options }: GarageOptions = {},
): Promise<RunningGarage> {
  const { registry } = schema;
  const desc = (name: string) => registry.getMessage(`garage.v1.${name}`) as DescMessage;
  const read = (name: string, json: JsonValue): AnyMessage => fromJson(desc(name), json, { registry });
  const service = (name: string) => registry.getService(`garage.v1.${name}`) as never;

  function refuse(reason: string): never {
    const about: JsonValue = { '@type': 'type.googleapis.com/garage.v1.Car', plate: 'AB 1' };
    throw new ConnectError(reason, Code.NotFound, { 'x-reason': reason }, [
      { desc: desc('Refusal'), value: read('Refusal', { reason, about }) },
    ]);
  }

  const garage = {
    getGarage({ garageId }: AnyMessage) {
      if (garageId === 'none') refuse('NO_SUCH_GARAGE');
      return read('Garage', { ...GARAGE, garageId, ...drift });
    },
    updateGarage: ({ garage }: AnyMessage) => garage ?? refuse('NO_GARAGE'),
    async *watchBays({ atMost }: AnyMessage) {
      for (const bay of BAYS.slice(0, atMost)) yield read('Bay', bay);
      if (atMost > BAYS.length) refuse('NO_MORE_BAYS');
    },
    async countCars(cars: Stream) {
      const all: AnyMessage[] = await Array.fromAsync(cars);
      return {
        cars: BigInt(all.length),
        gramsByPlate: Object.fromEntries(all.map(({ plate, weightGrams }) => [plate, weightGrams])),
      };
    },
    async *talkToGuard(questions: Stream) {
      for await (const { text } of questions as AsyncIterable<AnyMessage>) {
        yield read('Answer', { text, proof: { '@type': 'type.googleapis.com/garage.v1.Question', text } });
      }
    },
    closeForToday: () => ({}),
  };
  const barrier = {
    lift: () => read('LiftResponse', LIFTED),
    async *watchBarrier() {
      yield read('LiftResponse', LIFTED);
    },
    async liftAll(requests: Stream) {
      for await (const _ of requests);
      return read('LiftResponse', LIFTED);
    },
    async *negotiate(requests: Stream) {
      for await (const _ of requests) yield read('LiftResponse', LIFTED);
    },
  };
  const permits = {
    issuePermit: () => read('Permit', { ...PERMIT, ...FINES }),
    async *listPermits() {
      yield read('Permit', { ...PERMIT, ...FINES });
    },
    async issuePermits(requests: Stream) {
      for await (const _ of requests);
      return read('Permit', { ...PERMIT, ...FINES });
    },
    async *renewPermits(requests: Stream) {
      for await (const _ of requests) yield read('Permit', { ...PERMIT, ...FINES });
    },
  };
  const server = createRpcServer({
    ...options,
    jsonOptions: { registry },
    routes: (router) =>
      router
        .service(service('GarageService'), garage as never)
        .service(service('BarrierService'), barrier as never)
        .service(service('PermitService'), permits as never),
  });
  const { url } = await server.listen();
  return { url, [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
}
