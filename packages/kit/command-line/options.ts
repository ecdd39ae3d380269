// Options that several commands have, and how their values are read.

import type { DescMessage } from '@bufbuild/protobuf';
import { type Command, InvalidArgumentError } from 'commander';
import { loadSchema, type Schema } from '../schema/load-schema.ts';
import { ErrorInfoSchema } from './gen/google/rpc/error_details_pb.ts';
import { OptionFault, readOption } from './option-fault.ts';

/** Where a command listens. */
export interface AddressOptions {
  readonly host: string;
  readonly port: number;
}

/** Adds `--host` and `--port` to a command that serves. */
export function addAddressOptions(command: Command): Command {
  return command
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 lets the system choose a free one', readPort, 0);
}

const addressFaults: Readonly<Record<string, (address: AddressOptions) => string>> = {
  EADDRINUSE: ({ port }) => `port ${port} is in use already`,
  EACCES: ({ port }) => `port ${port} needs a right that this process does not have`,
  EADDRNOTAVAIL: ({ host }) => `this machine does not have the address ${host}`,
};

/**
 * Returns what `start` starts.
 *
 * @throws OptionFault naming the option when the address cannot be had; else what `start` throws.
 */
export async function listenAt<T>(address: AddressOptions, start: () => Promise<T>, portOption = '--port'): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const code = listenCodeOf(error);
    const describe = addressFaults[code];
    if (!describe) throw error;
    const option = code === 'EADDRNOTAVAIL' ? '--host' : portOption;
    throw new OptionFault(`${option}: ${describe(address)}`, { cause: error });
  }
}

/** Returns the code of Node's own error, which is at the bottom of what the kit throws, when it comes of listening. */
function listenCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { syscall, code = '' } = error as NodeJS.ErrnoException;
  return syscall === 'listen' ? code : listenCodeOf(error.cause);
}

export const descriptorsHelp = 'a descriptor set, a folder of .proto files or a single one';

/**
 * Returns the schema that an option or an argument names.
 *
 * @throws OptionFault naming the option and what is wrong with the source.
 */
export function readSchema(option: string, source: string): Promise<Schema> {
  return readOption(option, () => loadSchema(source));
}

/** Returns types that stand for their files: of the schema's, and of the error details that services have in common. */
export function typesOf({ files }: Schema): DescMessage[] {
  return [ErrorInfoSchema, ...files.flatMap(({ messages }) => messages.slice(0, 1))];
}

/** @throws InvalidArgumentError unless it is a port, 0 included. */
export function readPort(value: string): number {
  const port = readCount(value);
  if (port > 65_535) throw new InvalidArgumentError('It is no port: those end at 65535.');
  return port;
}

/** @throws InvalidArgumentError unless it is a whole number of 0 or more. */
export function readCount(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new InvalidArgumentError('It is no whole number of 0 or more.');
  return Number(value);
}

/** Reads an http or https URL. What is thrown names the option and not the URL, which may hold a password. */
export function readHttpUrl(option: string): (value: string) => string {
  return (value) => {
    const url = URL.parse(value);
    if (url !== null && /^https?:$/.test(url.protocol)) return value.replace(/\/$/, '');
    throw new OptionFault(`${option}: must be a URL such as http://127.0.0.1:50051`);
  };
}

/** Takes an option that may be given several times. */
export function collect<T>(read: (value: string) => T): (value: string, previous: readonly T[] | undefined) => T[] {
  return (value, previous = []) => [...previous, read(value)];
}

/** Reads a header. What is thrown does not repeat it: it may be a token. */
export function readHeader(value: string): readonly [string, string] {
  const [, name, content] = /^([\w-]+):\s*(.+)$/.exec(value) ?? [];
  if (name === undefined || content === undefined) {
    throw new OptionFault('--header: must be a name and a value, such as "authorization: Bearer secret"');
  }
  return [name.toLowerCase(), content];
}
