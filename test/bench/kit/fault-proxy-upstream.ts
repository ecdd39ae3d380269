// The upstream of the fault proxy and the pipe: returns a long response or a small one.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';

const chunk = Buffer.alloc(64 * 1024);
const chunks = 4096;

const server = createServer((request, response) => {
  if (request.url === '/bytes') Readable.from(repeatChunk()).pipe(response);
  else response.end('{}');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
process.stdout.write(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);

function* repeatChunk(): Generator<Buffer> {
  for (let count = 0; count < chunks; count += 1) yield chunk;
}
