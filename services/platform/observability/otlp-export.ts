// What the exports of spans and of metrics share: the resource, the exporter's options, the log of outages, and a stop that does not wait long.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import type { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { pause } from '../base/backoff.ts';
import { describeError } from '../base/errors.ts';
import type { Logger } from './log.ts';
import type { OtlpDestination, TlsFiles } from './otlp-destination.ts';
import type { ResourceConfig } from './telemetry-config.ts';

// How long a stop waits for the last spans or metrics to be sent.
const FLUSH_LIMIT_MS = 1_000;

/** What sends one signal. */
export type Exporter<Items> = {
  export(items: Items, done: (result: ExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
};

/** Creates the resource of a process: its spans and its metrics have the same one. */
export function createResource(service: string, { serviceName, resourceAttributes }: ResourceConfig): Resource {
  return defaultResource().merge(
    resourceFromAttributes({
      'service.name': service,
      'service.instance.id': randomUUID(),
      ...resourceAttributes,
      ...(serviceName === undefined ? {} : { 'service.name': serviceName }),
    }),
  );
}

/** The options of an OTLP exporter. */
export function exporterOptions(destination: OtlpDestination, log: Logger) {
  return {
    url: destination.url,
    headers: { ...destination.headers },
    httpAgentOptions: { keepAlive: true, ...readTlsFiles(destination.tlsFiles, log) },
    timeoutMillis: destination.timeoutMs,
    // The enumeration's own values; importing it would load the exporter where nothing is exported.
    compression: destination.compression as CompressionAlgorithm,
  };
}

// A file that cannot be read is left out with a warning: telemetry never stops a service. The collector then refuses, or is not trusted.
function readTlsFiles(files: TlsFiles, log: Logger): { [Part in keyof TlsFiles]: Buffer } {
  return Object.fromEntries(
    Object.entries(files).flatMap(([part, path]) => {
      if (path === undefined) return [];
      try {
        return [[part, readFileSync(path)]];
      } catch (error) {
        log.warn({ reason: describeError(error), part }, 'a TLS file for the collector cannot be read: it is ignored');
        return [];
      }
    }),
  );
}

/** Logs one line when an outage of the collector begins and one when it ends: in between, every export fails. */
export function logOutages<Items>(exporter: Exporter<Items>, items: 'spans' | 'metrics', log: Logger): Exporter<Items> {
  let isDown = false;
  return {
    export: (exported, done) =>
      exporter.export(exported, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        if (hasFailed && !isDown) {
          const reason = describeError(result.error);
          log.warn({ reason }, `${items} cannot be sent and are lost until the collector accepts them`);
        } else if (!hasFailed && isDown) log.info(`${items} are sent again`);
        isDown = hasFailed;
        // Logged above: the SDK would log it again.
        done({ code: ExportResultCode.SUCCESS });
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

/** Sends what is buffered and stops, within a second; never throws. */
export async function stopWithin(provider: { shutdown(): Promise<void> }, log: Logger): Promise<void> {
  const done = new AbortController();
  const flush = async (): Promise<void> => {
    try {
      await provider.shutdown();
    } catch (error) {
      log.debug({ reason: describeError(error) }, 'the last telemetry was lost');
    } finally {
      done.abort();
    }
  };
  await Promise.race([flush(), pause(FLUSH_LIMIT_MS, done.signal)]);
}
