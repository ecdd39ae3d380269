// How the command-line programs reach a service of the running platform, over TLS too.
import { existsSync, readFileSync } from 'node:fs';
import type { Interceptor, Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { type Environment, parseSettings, z } from '../../services/platform/base/settings.ts';
import { authorityFile } from './stack-certificates.ts';

/** Opens a transport. An `https` service is verified by the authority in TLS_CA_FILE, else by that of the platform in DATA_DIR. */
export function openCommandTransport(
  environment: Environment,
  baseUrl: string,
  interceptors: Interceptor[] = [],
): Transport {
  if (!baseUrl.startsWith('https:')) return createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors });
  const { TLS_CA_FILE, DATA_DIR } = parseSettings(environment, {
    TLS_CA_FILE: z.string().optional(),
    DATA_DIR: z.string().default('.data'),
  });
  const file = TLS_CA_FILE ?? authorityFile(DATA_DIR);
  const nodeOptions = existsSync(file) ? { ca: readFileSync(file) } : {};
  return createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors, nodeOptions });
}
