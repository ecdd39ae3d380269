// The route /metrics: the metrics as text, in the format that the scraper prefers. Concurrent scrapes share one reading.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSharedRun } from '../base/shared-run.ts';
import type { ReadMetrics } from './metric-reader.ts';
import { TEXT_FORMATS, type TextFormat, writeMetrics } from './metrics-text.ts';

/** From one scrape to the next, at least: writing all metrics takes milliseconds, in which nothing else runs. */
const SCRAPE_PERIOD_MS = 100;

/** Creates the handler of the route. */
export function createMetricsHandler(
  read: ReadMetrics,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const scrape = createSharedRun(async () => {
    const families = await read();
    const texts = new Map<TextFormat, string>();
    return (format: TextFormat): string => {
      const text = texts.get(format) ?? writeMetrics(families, format);
      texts.set(format, text);
      return text;
    };
  }, SCRAPE_PERIOD_MS);
  return async (request, response) => {
    const format = preferredFormat(request.headers.accept);
    const textIn = await scrape();
    response.setHeader('content-type', TEXT_FORMATS[format]);
    response.setHeader('vary', 'accept');
    response.end(textIn(format));
  };
}

/** OpenMetrics for those who name it and like it at least as much as plain text; anyone else gets what everyone reads. */
function preferredFormat(accept = ''): TextFormat {
  const openmetrics = qualityOf('application/openmetrics-text', accept);
  return openmetrics > 0 && openmetrics >= qualityOf('text/plain', accept) ? 'openmetrics' : 'prometheus';
}

/** The greatest quality of a type in an Accept header, 0 to 1; 0 when it is not named. */
function qualityOf(type: string, accept: string): number {
  const qualities = accept
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([name]) => name === type)
    .map((parts) => Number(parts.find((part) => part.startsWith('q='))?.slice(2) ?? 1))
    .filter((quality) => quality >= 0 && quality <= 1);
  return Math.max(0, ...qualities);
}
