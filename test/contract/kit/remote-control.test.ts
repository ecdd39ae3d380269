// The control port through the eyes of clients that were not written here: grpc-js, and plain HTTP with JSON.
import { createControlClient, type StubDefinition, startControl, startVirtualService } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { findGoProgram, GRPCURL_MISSING } from '../../support/go-programs.ts';
import { callUnary, connectByReflection } from '../../support/reflection-client.ts';
import { runProgram } from '../../support/stack.ts';
import { GarageService } from './garage.ts';

const controlService = 'touchstone.kit.v1.StubControlService';
const rpc = 'garage.v1.GarageService/Admit';
const LARGE = '9007199254740993';

async function startControlledGarage() {
  const resources = new AsyncDisposableStack();
  const service = resources.use(await startVirtualService({ services: [GarageService] }));
  const { url } = resources.use(await startControl({ service }));
  return { service, url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Sends JSON as a person writes it: a bare number keeps its digits only if every reader on the way keeps them. */
async function post(url: string, path: string, body: string): Promise<unknown> {
  const response = await fetch(`${url}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  return await response.json();
}

const admit = (url: string) => post(url, rpc, `{"ticket": ${LARGE}}`);

describe('the control port', () => {
  it('takes stubs with numbers of 64 bits from grpc-js, and returns the calls they answered', async () => {
    await using garage = await startControlledGarage();
    const client = await connectByReflection(new URL(garage.url).host, controlService);
    try {
      const json = `[{"rpc": "${rpc}", "match": {"ticket": ${LARGE}}, "replies": {"ticket": ${LARGE}}}]`;
      const added = await callUnary<{ stubs: object[] }>(client, 'addStubs', { definitions: { json } });
      const answer = await admit(garage.service.url);
      const { calls } = await callUnary<{ calls: object[] }>(client, 'listCalls', { rpc });

      expect(added.stubs).toMatchObject([{ rpc, description: `stub(Admit, { ticket: "${LARGE}" })` }]);
      expect(answer).toEqual({ ticket: LARGE });
      expect(calls).toMatchObject([{ rpc, outcome: 'CALL_OUTCOME_ANSWERED' }]);
      expect(JSON.stringify(calls)).toContain(LARGE);
    } finally {
      client.close();
    }
  });

  it('takes stubs as JSON objects over plain HTTP, and refuses a number that was rounded on the way', async () => {
    await using garage = await startControlledGarage();
    const add = (ticket: string) => {
      const stub = `{"rpc": "${rpc}", "match": {"ticket": ${ticket}}, "replies": {"ticket": "5"}}`;
      return post(garage.url, `${controlService}/AddStubs`, `{"definitions": {"stubs": [${stub}]}}`);
    };

    const refused = await add(LARGE);
    await add(`"${LARGE}"`);

    expect(refused).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('definitions.stubs[0].match.ticket'),
    });
    expect(await admit(garage.service.url)).toEqual({ ticket: '5' });
  });

  it('gives the same to the typed client, which sends a bigint with all its digits', async () => {
    await using garage = await startControlledGarage();
    const control = await createControlClient(garage.url);
    const stub: StubDefinition = { rpc, match: { ticket: BigInt(LARGE) }, replies: { ticket: BigInt(LARGE) } };

    await control.addStubs(stub);

    expect(await admit(garage.service.url)).toEqual({ ticket: LARGE });
    expect(await control.calls()).toMatchObject([{ requests: [{ ticket: LARGE }], outcome: 'answered' }]);
  });

  it('switches faults and lists them with grpcurl', async ({ skip }) => {
    const program = await findGoProgram('grpcurl');
    skip(program === undefined, GRPCURL_MISSING);
    await using garage = await startControlledGarage();
    const grpcurl = (method: string, data: object) =>
      runProgram(program ?? '', ['-plaintext', '-d', JSON.stringify(data), new URL(garage.url).host, method]);

    const service = 'touchstone.kit.v1.FaultProxyService';
    await grpcurl(`${service}/InjectFault`, { fault: { failAlways: { status: 503 } } });

    expect((await grpcurl(`${service}/ListProxies`, {})).stdout).toContain('"name": "fail-always"');
    expect(garage.service.faults().map(({ name }) => name)).toEqual(['fail-always']);
  });
});
