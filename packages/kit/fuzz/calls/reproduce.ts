// Commands that make a generated call again: one for grpcurl, one for curl.

import { type Registry, toJsonString } from '@bufbuild/protobuf';
import type { ClientTls } from '../../base/client-tls.ts';
import { nameOf } from '../../base/rpc-name.ts';
import { encodeRequest, headersOf, messagesToSend } from './encode-request.ts';
import type { FuzzCall } from './fuzz-call.ts';

/** Commands for a shell. */
export type Reproduction = {
  readonly curl: string;
  /** Unset for calls that grpcurl cannot make, because it encodes requests itself. */
  readonly grpcurl: string | undefined;
};

/** The target of the calls, and the headers that are sent with all of them. */
export type ReproductionTarget = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly registry: Registry;
  readonly tls?: ClientTls | undefined;
};

// Longer bodies would make lines that no shell takes.
const MAX_BODY = 100_000;
const MIN_RUN = 300;
const LONG_RUN = new RegExp(`(a{${MIN_RUN},})`);
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Returns the commands. Values of headers are left out, because they may be secrets, and files of
 * certificates: `authorization: …`, `--cacert …`. */
export function reproduce(call: FuzzCall, target: ReproductionTarget): Reproduction {
  return { curl: curlOf(call, target), grpcurl: grpcurlOf(call, target) };
}

function curlOf(call: FuzzCall, { url, headers, registry, tls = {} }: ReproductionTarget): string {
  const { httpMethod, path, headers: ofProtocol, body } = encodeRequest({ ...call, headers: {} }, registry, {});
  const http2 = url.startsWith('https:') ? '--http2' : '--http2-prior-knowledge';
  const options = [
    call.wire.http === '2' ? http2 : '--http1.1',
    ...Object.entries(ofProtocol).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...placeholders(headersOf(call, headers)),
    ...(tls.insecure ? ['--insecure'] : []),
    ...(tls.ca ? ['--cacert …'] : []),
    ...(tls.cert ? ['--cert … --key …'] : []),
  ];
  const address = quote(`${url}${path}`);
  if (httpMethod === 'GET') return `curl ${options.join(' ')} ${address}`;
  const text = Buffer.from(body).toString('latin1');
  if (text.length > MAX_BODY)
    return `curl ${options.join(' ')} --data-binary @- ${address} # body of ${body.length} bytes`;
  // curl takes a text that begins with @ as the name of a file.
  if (PRINTABLE.test(text) && !text.startsWith('@'))
    return `curl ${options.join(' ')} --data-binary ${quote(text)} ${address}`;
  return `printf '%b' ${quote(escapeBytes(body))} | curl ${options.join(' ')} --data-binary @- --output - ${address}`;
}

function grpcurlOf(call: FuzzCall, { url, headers, registry, tls = {} }: ReproductionTarget): string | undefined {
  if (call.damage || call.deviation?.isInvalidText || call.isGet) return undefined;
  const { protocol, host } = new URL(url);
  const data = messagesToSend(call).map((message) => toJsonString(call.method.input, message, { registry }));
  if (data.join('').length > MAX_BODY) return undefined;
  const security = [
    ...(protocol === 'https:' ? [] : ['-plaintext']),
    ...(tls.insecure ? ['-insecure'] : []),
    ...(tls.ca ? ['-cacert …'] : []),
    ...(tls.cert ? ['-cert … -key …'] : []),
  ];
  const options = [...security, ...placeholders(headersOf(call, headers)), `-d ${quote(data.join(' '))}`];
  return `grpcurl ${options.join(' ')} ${host} ${nameOf(call.method)}`;
}

function placeholders(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers).map((name) => `-H ${quote(`${name}: …`)}`);
}

function escapeBytes(bytes: Uint8Array): string {
  const escaped = [...bytes].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
  return escaped.replaceAll(new RegExp(`(?:\\\\0141){${MIN_RUN},}`, 'g'), (run) => 'a'.repeat(run.length / 5));
}

// A long run of one letter is written as the command that prints it.
function quote(text: string): string {
  const parts = text.split(LONG_RUN).map((part) => {
    const letter = part.charAt(0);
    const isRun = part.length >= MIN_RUN && part === letter.repeat(part.length);
    if (isRun) return `"$(head -c ${part.length} /dev/zero | tr '\\0' ${letter})"`;
    return part === '' ? '' : `'${part.replaceAll("'", `'\\''`)}'`;
  });
  return parts.join('') || "''";
}
