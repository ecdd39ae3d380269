// Options that several commands have, and parsers of option values.

import { type Command, InvalidArgumentError } from 'commander';
import type { BrowserAccess } from '../../base/browser-access.ts';
import type { KnownType } from '../../matching/type-registry.ts';
import { loadSchema, type Schema } from '../../schema/load-schema.ts';
import { ErrorInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import { OptionError, readOption } from './option-error.ts';

/** The address a command listens on. */
export type AddressOptions = {
  readonly host: string;
  readonly port: number;
};

/** Adds `--host` and `--port` to a command that serves. */
export function addAddressOptions(command: Command): Command {
  return command
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 for a free one', readPort, 0);
}

/** The options of a command for scripts of web pages. */
export type BrowserOptions = {
  readonly corsOrigin?: readonly string[];
  readonly corsCredentials?: boolean;
};

/** Adds `--cors-origin` and `--cors-credentials` to a command that serves RPCs. */
export function addBrowserOptions(command: Command): Command {
  return command
    .option(
      '--cors-origin <origin>',
      'an origin whose scripts may call, or * for any; can be repeated (default: localhost and loopback addresses)',
      collect(String),
    )
    .option('--cors-credentials', 'let these scripts send cookies and other credentials');
}

/** Returns the access that the options grant. */
export function accessOf({ corsOrigin, corsCredentials }: BrowserOptions): BrowserAccess {
  return {
    ...(corsOrigin && { corsOrigins: corsOrigin }),
    ...(corsCredentials !== undefined && { corsCredentials }),
  };
}

const ADDRESS_ERRORS: Readonly<Record<string, (address: AddressOptions) => string>> = {
  EADDRINUSE: ({ port }) => `port ${port} is in use already`,
  EACCES: ({ port }) => `this process is not permitted to listen on port ${port}`,
  EADDRNOTAVAIL: ({ host }) => `${host} is not an address of this machine`,
};

/**
 * Returns the server that `start` starts.
 *
 * @throws {OptionError} naming the option if the address is not available. Other errors of `start` are thrown unchanged.
 */
export async function listenAt<T>(
  address: AddressOptions,
  start: () => Promise<T>,
  names = { host: '--host', port: '--port' },
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const code = listenCodeOf(error);
    const describe = ADDRESS_ERRORS[code];
    if (!describe) throw error;
    const option = code === 'EADDRNOTAVAIL' ? names.host : names.port;
    throw new OptionError(`${option}: ${describe(address)}`, { cause: error });
  }
}

/** Returns the code of the `listen` error at the bottom of a chain of causes; an empty string if there is none. */
function listenCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { syscall, code = '' } = error as NodeJS.ErrnoException;
  return syscall === 'listen' ? code : listenCodeOf(error.cause);
}

export const DESCRIPTORS_HELP = 'a descriptor set, a folder of .proto files, or one .proto file';

/**
 * Loads the schema that an option or argument names.
 *
 * @throws {OptionError} naming the option and the problem with the source.
 */
export function readSchema(option: string, source: string): Promise<Schema> {
  return readOption(option, () => loadSchema(source));
}

/** Returns one type of each file, which registers the whole file, and the error details of google.rpc. */
export function typesOf({ files }: Schema): KnownType[] {
  return [ErrorInfoSchema, ...files.flatMap(({ messages, extensions }) => [...messages, ...extensions].slice(0, 1))];
}

/** @throws {InvalidArgumentError} unless it is a port number or 0. */
export function readPort(value: string): number {
  const port = readCount(value);
  if (port > 65_535) throw new InvalidArgumentError('It must be a port number of at most 65535.');
  return port;
}

/** @throws {InvalidArgumentError} unless it is a whole number of at least 0. */
export function readCount(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new InvalidArgumentError('It must be a whole number of at least 0.');
  return Number(value);
}

/** @throws {InvalidArgumentError} unless it is a whole number of at least 1. */
export function readPositive(value: string): number {
  const number = readCount(value);
  if (number === 0) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return number;
}

/**
 * Returns a parser of an http or https URL.
 *
 * @throws {OptionError} The parser names the option, but does not repeat the URL, which may contain a password.
 */
export function readHttpUrl(option: string): (value: string) => string {
  return (value) => {
    const url = URL.parse(value);
    if (url !== null && /^https?:$/.test(url.protocol)) return value.replace(/\/$/, '');
    throw new OptionError(`${option}: must be a URL such as http://127.0.0.1:50051`);
  };
}

/** Returns a parser that collects the values of a repeated option. */
export function collect<T>(read: (value: string) => T): (value: string, previous: readonly T[] | undefined) => T[] {
  return (value, previous = []) => [...previous, read(value)];
}

/**
 * Reads a header.
 *
 * @throws {OptionError} The message does not repeat the header, which may contain a token.
 */
export function readHeader(value: string): readonly [string, string] {
  const [, name, content] = /^([\w-]+):\s*(.+)$/.exec(value) ?? [];
  if (name === undefined || content === undefined) {
    throw new OptionError('--header: must be a name and a value, such as "authorization: Bearer secret"');
  }
  return [name.toLowerCase(), content];
}
