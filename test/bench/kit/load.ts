// The load generator for every server: autocannon over HTTP/1.1, keep-alive connections, one request at a time on each.
import autocannon from 'autocannon';

const connections = 16;

/** The repeated request. */
export type Request = Pick<autocannon.Options, 'method' | 'headers' | 'body'>;

/**
 * Returns the answered requests per second.
 *
 * @throws {Error} a request was not answered with 2xx.
 */
export async function putUnderLoad(url: string, seconds: number, request: Request = {}): Promise<number> {
  const result = await autocannon({ url, connections, duration: seconds, ...request });
  if (result.errors > 0 || result.non2xx > 0) {
    throw new Error(`${url}: ${result.errors} requests had no answer, ${result.non2xx} another than 2xx`);
  }
  return result['2xx'] / result.duration;
}
