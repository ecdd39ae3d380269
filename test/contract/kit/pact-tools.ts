// Pact's own tools, run on contract files as they are: the verifier of pact-js against a provider, and pact-stub-server.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@bufbuild/protobuf';
import type { StateHandlers, StateOutcome } from '@touchstone/kit';
import { expect } from 'vitest';

const environment = { ...process.env, PACT_DO_NOT_TRACK: 'true' };
const requireFromHere = createRequire(import.meta.url);

/** Why Pact's tools cannot run here: their packages have a binary for each platform, and none for this one. */
export const pactIsMissing: string | undefined = findMissing();

/** What Pact's verifier found. */
export type PactVerdict = {
  /** The descriptions of the interactions it replayed, pending ones left out. */
  readonly replayed: readonly string[];
  /** What is wrong with those that were not honoured, in its words. */
  readonly faults: Readonly<Record<string, string>>;
};

type PactReport = {
  readonly interactionResults: readonly {
    readonly description: string;
    readonly pending: boolean;
    readonly result: string;
  }[];
  readonly errors: readonly { readonly interaction: string; readonly mismatch: unknown }[];
};

/** Has Pact's verifier replay the interactions of a contract file, in the states that `states` brings about. */
export async function verifyByPact(
  file: string,
  provider: {
    readonly name: string;
    readonly url: string;
    readonly states: StateHandlers;
    readonly headers: Record<string, string>;
  },
): Promise<PactVerdict> {
  await using stateServer = await serveStates(provider.states);
  const child = fork(fileURLToPath(new URL('fixtures/pact-verifier.ts', import.meta.url)), {
    env: environment,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.send({
    provider: provider.name,
    providerBaseUrl: provider.url,
    customProviderHeaders: provider.headers,
    pactUrls: [file],
    providerStatesSetupUrl: stateServer.url,
    providerStatesSetupTeardown: true,
  });
  let report = '{}';
  child.once('message', (message) => {
    report = String(message);
  });
  await once(child, 'exit');
  const { interactionResults, errors }: PactReport = JSON.parse(report);
  const binding = interactionResults.filter(({ pending }) => !pending);
  const failed = binding.filter(({ result }) => result !== 'OK').map(({ description }) => description);
  return {
    replayed: binding.map(({ description }) => description),
    faults: Object.fromEntries(
      failed.map((description) => {
        const error = errors.find(({ interaction }) => interaction.endsWith(` - ${description}`));
        return [description, JSON.stringify(error?.mismatch)];
      }),
    ),
  };
}

type StateChange = {
  readonly action: 'setup' | 'teardown';
  readonly state: string;
  readonly params?: JsonObject;
};

// Pact asks for states by HTTP, one after another.
async function serveStates(states: StateHandlers): Promise<AsyncDisposable & { readonly url: string }> {
  const teardowns = new Map<string, StateOutcome>();
  const change = async ({ action, state, params = {} }: StateChange) => {
    // Asked for also where an interaction is given no state.
    if (state === '') return;
    if (action === 'teardown') {
      await teardowns.get(state)?.teardown?.();
      return;
    }
    const handler = states[state];
    if (!handler) throw new Error(`there is no state "${state}"`);
    const outcome = await handler(params);
    if (outcome) teardowns.set(state, outcome);
    return outcome?.values;
  };
  const server = createServer(async (request, response) => {
    try {
      const values = await change((await json(request)) as StateChange);
      response.setHeader('content-type', 'application/json').end(JSON.stringify(values ?? {}));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Starts pact-stub-server on a free port with the interactions of a contract file that are given one of these states. */
export async function startPactStub(
  file: string,
  states: readonly string[],
): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(
    pactBinary(),
    ['stub', '--loglevel', 'info', '--file', file, '--provider-state', `^(${states.join('|')})$`],
    { env: environment, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill();
    await exited;
  };
  for await (const line of createInterface(child.stdout)) {
    const [, port] = /started on port (\d+)/.exec(line) ?? [];
    if (port === undefined) continue;
    child.stdout.resume();
    return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
  }
  await stop();
  return expect.unreachable('pact-stub-server has ended before it listened');
}

function pactBinary(): string {
  const cli = createRequire(requireFromHere.resolve('@pact-foundation/pact-cli/package.json'));
  const { standalone } = cli('./src/pact-standalone.js') as { standalone: () => { pactFullPath: string } };
  return standalone().pactFullPath;
}

function findMissing(): string | undefined {
  try {
    pactBinary();
    return undefined;
  } catch (error) {
    return String(error);
  }
}
