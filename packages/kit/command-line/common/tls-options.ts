// The options of TLS: of the port that a command opens, and of the service that it calls.

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Command } from 'commander';
import type { ClientTls } from '../../base/client-tls.ts';
import { assertKeyPair, type KeyPair, readCertificate } from '../../base/key-pair.ts';
import type { ServerTls } from '../../base/server-tls.ts';
import { OptionError, readOption } from './option-error.ts';
import { EVERY_ADDRESS, type Session } from './session.ts';

/** The options of a command that opens a port. */
export type ServerTlsOptions = {
  readonly host: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
};

/** Adds `--tls-cert` and `--tls-key` to a command that opens a port. */
export function addServerTlsOptions(command: Command): Command {
  return command
    .option('--tls-cert <file>', 'speak TLS with this certificate, in PEM, followed by those up to its authority')
    .option('--tls-key <file>', 'the private key of --tls-cert, in PEM');
}

/**
 * Returns the options of a server. What its callers do wrong becomes a warning.
 *
 * @throws {OptionError} naming the option and the reason.
 */
export async function serverTlsOf({ tlsCert, tlsKey, host }: ServerTlsOptions, session: Session): Promise<ServerTls> {
  const tls = await readPair('--tls-cert', tlsCert, '--tls-key', tlsKey);
  if (tls) warnOfName(tls, { host, option: '--tls-cert' }, session);
  return { ...(tls && { tls }), onProblem: (problem) => session.warn(problem) };
}

/** The options of a control port. */
export type ControlTlsOptions = {
  readonly controlHost: string;
  readonly controlTlsCert?: string;
  readonly controlTlsKey?: string;
};

const CONTROL_CERT = '--control-tls-cert';

/** @throws {OptionError} There is a certificate for a control port, but no such port. */
export function requireControl({
  control,
  controlTlsCert,
  controlTlsKey,
}: ControlTlsOptions & { readonly control?: number | true }): void {
  const [given] = [controlTlsCert && CONTROL_CERT, controlTlsKey && '--control-tls-key'].filter(Boolean);
  if (control === undefined && given) throw new OptionError(`--control is required with ${given}`);
}

/** Adds `--control-tls-cert` and `--control-tls-key` to a command with a control port. */
export function addControlTlsOptions(command: Command): Command {
  return command
    .option('--control-tls-cert <file>', 'speak TLS on the control port with this certificate, in PEM')
    .option('--control-tls-key <file>', 'the private key of --control-tls-cert, in PEM');
}

/**
 * Returns the options of the server of a control port.
 *
 * @throws {OptionError} naming the option and the reason.
 */
export async function controlTlsOf(
  { controlHost: host, controlTlsCert, controlTlsKey }: ControlTlsOptions,
  session: Session,
): Promise<ServerTls> {
  const option = CONTROL_CERT;
  const tls = await readPair(option, controlTlsCert, '--control-tls-key', controlTlsKey);
  if (tls) warnOfName(tls, { host, option }, session);
  return { ...(tls && { tls }), onProblem: (problem) => session.warn(`--control: ${problem}`) };
}

/** The options of a command that calls a service. */
export type ClientTlsOptions = {
  readonly cacert?: string;
  readonly insecure?: boolean;
  readonly clientCert?: string;
  readonly clientKey?: string;
};

/** Adds `--cacert`, `--insecure`, `--client-cert` and `--client-key` to a command that calls a service. */
export function addClientTlsOptions(command: Command): Command {
  return command
    .option('--cacert <file>', 'authorities, in PEM, that may have signed the certificate of an https service')
    .option('--insecure', 'accept every certificate of an https service')
    .option('--client-cert <file>', 'certificate to show to an https service, in PEM')
    .option('--client-key <file>', 'the private key of --client-cert, in PEM');
}

/**
 * Returns how a service is called; undefined if no option says so.
 *
 * @param url of the service, and the name of the option that gives it.
 * @throws {OptionError} naming the option and the reason.
 */
export async function clientTlsOptionsOf(
  { cacert, insecure, clientCert, clientKey }: ClientTlsOptions,
  { url, option }: { readonly url: string; readonly option: string },
): Promise<ClientTls | undefined> {
  const pair = await readPair('--client-cert', clientCert, '--client-key', clientKey);
  const ca = cacert === undefined ? undefined : await readOption('--cacert', () => readFile(cacert));
  if (ca) readCertificate(ca, '--cacert');
  const given = { '--cacert': ca, '--insecure': insecure, '--client-cert': pair };
  const [first] = Object.entries(given).flatMap(([name, value]) => (value ? [name] : []));
  if (first === undefined) return undefined;
  if (!url.startsWith('https:')) throw new OptionError(`${first}: the URL of ${option} must begin with https://`);
  if (ca && insecure) throw new OptionError('--insecure: cannot be given with --cacert, which it would make useless');
  return { ...(ca && { ca }), ...(insecure && { insecure }), ...pair };
}

async function readPair(
  certOption: string,
  certFile: string | undefined,
  keyOption: string,
  keyFile: string | undefined,
): Promise<KeyPair | undefined> {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined) throw new OptionError(`${certOption} is required with ${keyOption}`);
  if (keyFile === undefined) throw new OptionError(`${keyOption} is required with ${certOption}`);
  const cert = await readOption(certOption, () => readFile(certFile));
  const key = await readOption(keyOption, () => readFile(keyFile));
  assertKeyPair({ cert, key }, { cert: certOption, key: keyOption });
  return { cert, key };
}

// Callers may know the server by another name, so this is no error.
function warnOfName(
  { cert }: KeyPair,
  { host, option }: { readonly host: string; readonly option: string },
  session: Session,
): void {
  const certificate = readCertificate(cert, option);
  const isNamed = isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host);
  if (isNamed !== undefined || EVERY_ADDRESS.includes(host)) return;
  const names = certificate.subjectAltName ?? 'no name';
  session.warn(`${option}: the certificate is not for ${host}, by which the server is called, but for ${names}`);
}
