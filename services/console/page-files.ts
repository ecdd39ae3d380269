// The built page, read into memory at the start. Each file is a route of its own, so no path reaches any other file.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { HttpHandler } from '#packages/rpc-server/index.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const COMPRESSED_FROM_BYTES = 1_024;

/** What a page of the console may load, run and talk to: itself. */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** The routes of the files below `directory`; `/` is index.html, or says how to build the page. */
export function pageRoutes(directory: string): Record<string, HttpHandler> {
  const files = listFiles(directory);
  const routes = Object.fromEntries(files.map((path) => [`/${path}`, fileRoute(directory, path)]));
  return { ...routes, '/': routes['/index.html'] ?? answerMissing };
}

function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
      (path) => TYPES[extname(path)] !== undefined && statSync(join(directory, path)).isFile(),
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function fileRoute(directory: string, path: string): HttpHandler {
  const content = readFileSync(join(directory, path));
  const compressed = content.length >= COMPRESSED_FROM_BYTES ? gzipSync(content) : undefined;
  const headers = {
    ...PAGE_HEADERS,
    'content-type': TYPES[extname(path)],
    vary: 'accept-encoding, origin',
    // The names of the assets change with their content.
    'cache-control': path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { ...PAGE_HEADERS, allow: 'GET, HEAD' }).end();
      return;
    }
    const accepts = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    const body = accepts && compressed !== undefined ? compressed : content;
    response.writeHead(200, {
      ...headers,
      'content-length': body.length,
      ...(body === compressed ? { 'content-encoding': 'gzip' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}

const answerMissing: HttpHandler = (_request, response) => {
  response.writeHead(503, { ...PAGE_HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end('The page is not built yet: run `make console-page`, then start the console again.\n');
};
