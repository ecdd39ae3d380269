// The fuzzer against services of two implementations: ours, in which it finds nothing, and one on grpc-js, which speaks gRPC alone.
import { create, createFileRegistry, toBinary } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { FuzzError, fuzz, reflectSchema } from '@touchstone/kit';
import { createRpcServer } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import {
  file_weather_v1_weather,
  WeatherService,
} from '../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { startProvider } from '../../e2e/kit-command-line/weather.ts';

const bounds = { seed: 11, calls: 700, seconds: 60, timeoutMs: 5000 };

type Forecast = (call: ServerUnaryCall<{ town: string }, object>, done: sendUnaryData<object>) => void;

/** Starts a weather office on grpc-js. */
async function startGrpcJs(getForecast: Forecast): Promise<AsyncDisposable & { readonly url: string }> {
  const set = create(FileDescriptorSetSchema, { file: [file_weather_v1_weather.proto] });
  const definition = loadFileDescriptorSetFromBuffer(Buffer.from(toBinary(FileDescriptorSetSchema, set)));
  const server = new Server();
  server.addService(definition[WeatherService.typeName] as never, {
    getForecast,
    watchTemperature: (stream: { end(): void }) => stream.end(),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

const schemaOfWeather = { services: [WeatherService], files: [file_weather_v1_weather] };

describe('the weather example', () => {
  it('has nothing that the fuzzer finds, in any protocol, with its schema by reflection', async () => {
    await using provider = await startProvider();

    const { findings, wires, rpcs } = await fuzz({
      url: provider.url,
      schema: await reflectSchema(provider.url),
      ...bounds,
    });

    expect(findings).toEqual([]);
    expect(wires).toHaveLength(7);
    expect(rpcs.every(({ calls }) => calls > 100)).toBe(true);
  });
});

describe('a service of proto2', () => {
  it('is called in every protocol with its required fields', async () => {
    const part = { name: 'id', jsonName: 'id', number: 1, type: Type.STRING, label: Label.REQUIRED };
    const inner = {
      name: 'part',
      jsonName: 'part',
      number: 2,
      type: Type.MESSAGE,
      typeName: '.old.v1.Part',
      label: Label.REQUIRED,
    };
    const file = create(FileDescriptorProtoSchema, {
      name: 'old/v1/old.proto',
      package: 'old.v1',
      syntax: 'proto2',
      messageType: [
        { name: 'Part', field: [part] },
        { name: 'Thing', field: [part, inner] },
      ],
      service: [{ name: 'Old', method: [{ name: 'Keep', inputType: '.old.v1.Thing', outputType: '.old.v1.Thing' }] }],
    });
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
    const services = [...registry].filter((type) => type.kind === 'service');
    const [method] = services.flatMap(({ methods }) => methods);
    const server = createRpcServer({
      routes: (router) => void (method && router.rpc(method, ((thing: object) => thing) as never)),
    });
    const { url } = await server.listen();
    const report = await fuzz({
      url,
      schema: { services, files: [...registry.files], registry },
      ...bounds,
      calls: 250,
    });
    await server.stop({ graceMs: 0 });

    expect([report.findings, report.wires.length]).toEqual([[], 7]);
  });
});

describe('a service on grpc-js', () => {
  it('is called by gRPC alone, and its error on an empty text is found, shrunk and can be made again', async () => {
    await using office = await startGrpcJs(({ request: { town } }, done) => {
      if (!town) done({ code: status.UNKNOWN, details: 'cannot read properties of undefined' });
      else done(null, {});
    });
    const { registry } = await schemaWithRegistry();

    const { findings, wires } = await fuzz({ url: office.url, schema: { ...schemaOfWeather, registry }, ...bounds });

    expect(wires).toEqual(['gRPC, HTTP/2']);
    expect([...new Set(findings.map(({ kind, detail }) => `${kind}: ${detail}`))]).toEqual([
      'untyped error: unknown: cannot read properties of undefined',
    ]);
    expect(findings.map(({ cause, grpcurl }) => [cause, grpcurl])).toContainEqual([
      'town: empty string',
      `grpcurl -plaintext -d '{}' ${new URL(office.url).host} weather.v1.WeatherService/GetForecast`,
    ]);
  });

  it('is not fuzzed without a schema, or if nothing listens', async () => {
    await using office = await startGrpcJs((_, done) => done(null, {}));
    const closed = office.url;
    await expect(reflectSchema(office.url)).rejects.toThrow('the service has no usable reflection');
    await office[Symbol.asyncDispose]();
    const { registry } = await schemaWithRegistry();

    const refused = fuzz({ url: closed, schema: { ...schemaOfWeather, registry }, ...bounds });

    await expect(refused).rejects.toThrow(FuzzError);
  });
});

async function schemaWithRegistry() {
  await using provider = await startProvider();
  return await reflectSchema(provider.url);
}
