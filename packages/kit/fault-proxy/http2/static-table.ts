// The static table of HPACK (RFC 7541, appendix A): 61 header fields in the order of their index.

import type { HeaderField } from './hpack.ts';

const METHODS_AND_PATHS = ':method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https';
const STATUSES = ':status=200 :status=204 :status=206 :status=304 :status=400 :status=404 :status=500';
const NAMES =
  'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control ' +
  'content-disposition content-encoding content-language content-length content-location content-range content-type ' +
  'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since ' +
  'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after ' +
  'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate';

export const STATIC_TABLE: readonly HeaderField[] = [
  field(':authority'),
  ...METHODS_AND_PATHS.split(' ').map(readField),
  ...STATUSES.split(' ').map(readField),
  field('accept-charset'),
  field('accept-encoding', 'gzip, deflate'),
  ...NAMES.split(' ').map((name) => field(name)),
];

function readField(text: string): HeaderField {
  const [name = '', value = ''] = text.split('=');
  return field(name, value);
}

function field(name: string, value = ''): HeaderField {
  return { name, value, isSensitive: false };
}
