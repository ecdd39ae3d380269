// Feature flags through OpenFeature, evaluated in this process: from a flagd file that is polled, or synchronized with a flagd.
import { randomUUID } from 'node:crypto';
import { OpenFeature, type Provider, ProviderEvents } from '@openfeature/server-sdk';
import { describeError } from '../base/errors.ts';
import type { Component } from '../base/lifecycle.ts';
import type { Logger } from '../observability/log.ts';
import { describeFlags, type FlagView } from './describe-flags.ts';
import { createFlagFile, createFlagProvider } from './flag-provider.ts';

const FLAGD_SYNC_PORT = 8015;

export type FeatureFlags = Component & {
  /** Whether a flag is on for a subject, like a user's id: false while flags are unavailable. Never throws. */
  isOn(flag: string, subject: string): Promise<boolean>;
  /** The flags of the file in force; none while there is none, and for a flagd, which shows its own. */
  list(): FlagView[];
};

export type FeatureFlagOptions = {
  /** Path of a flagd document. */
  readonly file: string;
  /** Address of a flagd's sync service, like `http://127.0.0.1:8015`; used instead of the file. */
  readonly flagdUrl: string | undefined;
  readonly log: Logger;
};

/** Creates the flags of one service; all are off before `start`, which does not wait for flags that are unavailable. */
export function createFeatureFlags({ file, flagdUrl, log }: FeatureFlagOptions): FeatureFlags {
  // The SDK is global: a unique domain separates two services in one process.
  const sdkDomain = randomUUID();
  const client = OpenFeature.getClient(sdkDomain);
  let provider: Provider | undefined;
  const document = flagdUrl === undefined ? createFlagProvider(createFlagFile(file), log) : undefined;
  return {
    name: 'feature flags',
    start: async () => {
      provider = document ?? (await createFlagdProvider(new URL(flagdUrl ?? ''), log));
      try {
        await OpenFeature.setProviderAndWait(sdkDomain, provider);
      } catch (error) {
        log.warn({ err: error }, 'feature flags are unavailable, their defaults apply until they load');
      }
    },
    isOn: (flag, subject) => client.getBooleanValue(flag, false, { targetingKey: subject }),
    list: () => describeFlags(document?.document() ?? '{}'),
    stop: async () => provider?.onClose?.(),
  };
}

// Loaded on demand, because it includes a gRPC stack. It reconnects for ever and logs every attempt, hence at debug level.
async function createFlagdProvider(url: URL, log: Logger): Promise<Provider> {
  const { FlagdProvider } = await import('@openfeature/flagd-provider');
  const debug = (...words: unknown[]): void => log.debug(words.map(describeError).join(' '));
  const options = {
    resolverType: 'in-process' as const,
    host: url.hostname,
    port: Number(url.port || FLAGD_SYNC_PORT),
    tls: url.protocol === 'https:',
  };
  const provider = new FlagdProvider(options, { debug, info: debug, warn: debug, error: debug });
  provider.events.addHandler(ProviderEvents.Stale, () => log.warn('flagd cannot be reached, its last flags apply'));
  provider.events.addHandler(ProviderEvents.Ready, () => log.info('flagd can be reached again'));
  return provider;
}
