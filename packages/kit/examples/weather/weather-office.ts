// The provider: a weather office that knows the forecasts and measurements it was given.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { createRpcServer, type RpcServer } from '@touchstone/rpc-server';
import {
  type GetForecastResponseSchema,
  type WatchTemperatureResponseSchema,
  WeatherService,
} from './gen/weather/v1/weather_pb.ts';

/** What the office knows of a town. */
export type Town = {
  /** From today on. */
  readonly forecasts: readonly MessageInitShape<typeof GetForecastResponseSchema>[];
  /** The newest last. */
  readonly measurements: readonly MessageInitShape<typeof WatchTemperatureResponseSchema>[];
};

/** Returns a server of the weather of these towns, by name. It is for the caller to let it listen. */
export function createWeatherOffice(towns: ReadonlyMap<string, Town>): RpcServer {
  const find = (name: string): Town => {
    const town = towns.get(name);
    if (town === undefined) throw new ConnectError(`no measurements in ${name}`, Code.NotFound);
    return town;
  };
  return createRpcServer({
    routes: (router) =>
      router.service(WeatherService, {
        getForecast({ town, daysAhead }) {
          return find(town).forecasts[daysAhead] ?? {};
        },
        async *watchTemperature({ town }) {
          yield* find(town).measurements;
        },
      }),
  });
}
