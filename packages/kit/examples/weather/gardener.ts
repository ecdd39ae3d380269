// The consumer: a gardener who asks the weather office when to water and when to bring the plants in.

import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { Sky, type WeatherService } from './gen/weather/v1/weather_pb.ts';

type Weather = Client<typeof WeatherService>;

/** Whether to water tomorrow. When the weather is unknown, it is safer to water. */
export async function mustWater(weather: Weather, town: string): Promise<boolean> {
  try {
    const { sky, highestCelsius } = await weather.getForecast({ town, daysAhead: 1 }, { timeoutMs: 1000 });
    return sky !== Sky.WET && highestCelsius > 15;
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) return true;
    throw error;
  }
}

/** Returns the first temperature below zero, in degrees Celsius; undefined when there is none before the stream ends. */
export async function awaitFrost(weather: Weather, town: string): Promise<number | undefined> {
  for await (const { celsius } of weather.watchTemperature({ town })) {
    if (celsius < 0) return celsius;
  }
  return undefined;
}
