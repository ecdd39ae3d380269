// The fixtures of the commands' tests: the files of the weather example, a running provider, and a client.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { file_weather_v1_weather, Sky } from '../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { createWeatherOffice, type Town } from '../../../packages/kit/examples/weather/weather-office.ts';
import { makeDirectory } from '../../contract/kit/contract-files.ts';

const folder = fileURLToPath(import.meta.resolve('../../../packages/kit/examples/weather/'));

const contracts = `${folder}contracts`;

/** Files for the arguments of commands, in a folder that is removed when this is disposed of. */
export type WeatherFiles = AsyncDisposable & {
  /** The folder. */
  readonly path: string;
  readonly contracts: string;
  /** A descriptor set. Compiling the .proto file for each command would take longer than the command itself. */
  readonly descriptors: string;
};

export async function openWeatherFiles(): Promise<WeatherFiles> {
  const directory = await makeDirectory();
  const descriptors = join(directory.path, 'weather.binpb');
  const set = create(FileDescriptorSetSchema, { file: [file_weather_v1_weather.proto] });
  await writeFile(descriptors, toBinary(FileDescriptorSetSchema, set));
  return {
    path: directory.path,
    contracts,
    descriptors,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

export type WeatherProvider = AsyncDisposable & {
  readonly url: string;
  readonly towns: Map<string, Town>;
};

/** Starts the real provider. Oslo is sunny unless the test changes it. */
export async function startProvider(): Promise<WeatherProvider> {
  const sunny: Town = { forecasts: [{}, { sky: Sky.CLEAR, highestCelsius: 24 }], measurements: [] };
  const towns = new Map([['Oslo', sunny]]);
  const server = createWeatherOffice(towns);
  const { url } = await server.listen();
  return { url, towns, [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
}

/** Requests a town's forecast for tomorrow, in Connect JSON. */
// biome-ignore lint/suspicious/noExplicitAny: the JSON of an answer or an error.
export async function askForecast(url: string, town = 'Oslo'): Promise<any> {
  const answer = await fetch(`${url}/weather.v1.WeatherService/GetForecast`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ town, daysAhead: 1 }),
  });
  return answer.json();
}
