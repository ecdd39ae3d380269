// The calls per second that a stub server answers from the same contract file: Connect JSON, unary, over HTTP/1.1.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contract } from '@touchstone/kit';
import { LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { type Effort, type Figure, measureInTurns, median, medianRatio } from './figures.ts';
import { askForBook, CONSUMER, exampleOf, HEADERS, PATH, PROVIDER } from './interaction.ts';
import { putUnderLoad } from './load.ts';
import { type RunningProgram, startProgram, startScript } from './process.ts';

const requireHere = createRequire(import.meta.url);
const bookNumber = 1;
// Warms up the compilers of the servers; that of Java takes longest.
const warmUpSeconds = 4;

export async function compareStubServers({ rounds, seconds }: Effort): Promise<Figure[]> {
  await using directory = await makeDirectory();
  const file = await writeContract(directory.path);
  const noJava = whyNoJava();
  await using servers = new AsyncDisposableStack();
  const start = async (program: Promise<RunningProgram>) => `http://127.0.0.1:${servers.use(await program).found}`;
  const urls = {
    ours: await start(startScript('stub-server-ours.ts', file)),
    pact: await start(startPactStub(file)),
    ...(noJava === undefined && { wireMock: await start(startWireMock(directory.path, file)) }),
  };
  for (const url of Object.values(urls)) {
    await askForBook(url, bookNumber);
    await load(url, warmUpSeconds);
  }
  const measurements = Object.entries(urls).map(([name, url]) => [name, () => load(url, seconds)]);
  const rates: Record<string, number[]> = await measureInTurns(rounds, Object.fromEntries(measurements));
  const { ours = [], pact = [], wireMock } = rates;
  const perSecond = (values: readonly number[]) => `${Math.round(median(values))}/s`;
  const figure = { ours: perSecond(ours) };
  return [
    {
      ...figure,
      what: 'stub server, requests of pact-stub-server',
      peer: perSecond(pact),
      ratio: medianRatio(ours, pact),
      wanted: { atLeast: 1.2 },
    },
    {
      ...figure,
      what: 'stub server, requests of WireMock',
      peer: wireMock ? perSecond(wireMock) : '',
      ratio: wireMock && medianRatio(ours, wireMock),
      wanted: { atLeast: 3 },
      ...(noJava !== undefined && { note: `skipped: ${noJava}` }),
    },
  ];
}

function load(url: string, seconds: number): Promise<number> {
  const body = JSON.stringify(exampleOf(bookNumber).request);
  return putUnderLoad(`${url}${PATH}`, seconds, { method: 'POST', headers: HEADERS, body });
}

/** Writes the contract file for all servers, by a contract test. */
async function writeContract(directory: string): Promise<string> {
  const { request, response } = exampleOf(bookNumber);
  await contract(CONSUMER, PROVIDER, { directory })
    .uponReceiving('a request for a book')
    .calls(LibraryService.method.getBook, request)
    .repliesWith(response)
    .run(({ url }) => askForBook(url, bookNumber));
  return join(directory, `${CONSUMER}-${PROVIDER}.json`);
}

function startPactStub(file: string): Promise<RunningProgram> {
  const { standalone } = requireHere('@pact-foundation/pact-cli/src/pact-standalone.js') as {
    standalone: () => { pactFullPath: string };
  };
  // At `info` it logs its port, but not the requests.
  return startProgram(standalone().pactFullPath, ['stub', '--loglevel', 'info', '--file', file], /port (\d+)/);
}

interface PactHttp {
  readonly request: { method: string; path: string; headers: Record<string, string[]>; body: { content: unknown } };
  readonly response: { status: number; headers: Record<string, string[]>; body: { content: unknown } };
}

/** Starts WireMock with a mapping for each interaction of the file, without request logs and templates that would slow it down. */
async function startWireMock(directory: string, file: string): Promise<RunningProgram> {
  const { interactions } = JSON.parse(await readFile(file, 'utf8')) as { interactions: PactHttp[] };
  const mappings = interactions.map(({ request, response }) => ({
    request: {
      method: request.method,
      urlPath: request.path,
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, [value]]) => [name, { equalTo: value }])),
      bodyPatterns: [{ equalToJson: request.body.content }],
    },
    response: {
      status: response.status,
      headers: Object.fromEntries(Object.entries(response.headers).map(([name, [value]]) => [name, value])),
      jsonBody: response.body.content,
    },
  }));
  const root = join(directory, 'wiremock');
  await mkdir(join(root, 'mappings'), { recursive: true });
  await writeFile(join(root, 'mappings', 'contract.json'), JSON.stringify({ mappings }));
  const { version } = requireHere('wiremock/package.json') as { version: string };
  const jar = requireHere.resolve(`wiremock/build/wiremock-standalone-${version}.jar`);
  const options = ['--port', '0', '--root-dir', root, '--no-request-journal', '--disable-request-logging'];
  return startProgram('java', ['-jar', jar, ...options], /^port:\s+(\d+)/);
}

function whyNoJava(): string | undefined {
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `no Java (${(error as Error).message})`;
  }
}

async function makeDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'bench-kit-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
