// Each command of the kit with the garage: what it must do with messages that the kit's own examples lack.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Schema } from '@touchstone/kit';
import { expect } from 'vitest';
import { callGarage, findMethod, WIRES } from './call.ts';
import { CAR_ADMITTED, FINES, GARAGE, LIFT, PERMIT, PERMIT_REQUEST, VOUCHER } from './examples.ts';
import { EXPECTED_CALLS } from './expected-calls.ts';
import type { GarageFiles } from './garage-files.ts';
import type { Kit } from './kit.ts';
import { startGarage } from './provider.ts';

export type World = {
  readonly kit: Kit;
  readonly files: GarageFiles;
  readonly schema: Schema;
  /** The URL of the running garage, and of a broker. */
  readonly garage: string;
  readonly nats: string;
  /** The environment of programs that load the kit. */
  readonly env: NodeJS.ProcessEnv;
};

const PACKAGE = 'garage.v1';
const OK = { exitCode: 0, stderr: '' };
const FAST_WIRES = ['--wire', 'grpc', '--wire', 'connect-json/1.1'];

const folderIn = ({ files }: World) => mkdtemp(join(files.folder, 'run-'));
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Makes every call, each in another protocol than the one before, and expects the answers of the garage. */
async function expectAnswers(
  { schema }: World,
  url: string,
  more: Readonly<Record<string, object>> = {},
): Promise<void> {
  for (const [index, { what, rpc, requests, replies }] of EXPECTED_CALLS.entries()) {
    const { messages, error } = await callGarage(schema, url, rpc, requests, WIRES[index % WIRES.length]);
    const service = rpc.slice(0, rpc.indexOf('/'));
    expect({ what, error, messages }).toEqual({
      what,
      error: undefined,
      messages: replies.map((reply) => ({ ...reply, ...more[service] })),
    });
  }
}

async function stub(world: World): Promise<void> {
  const { kit, files, schema } = world;
  const served = await kit.serve('stub', files.contracts, '--descriptors', files.descriptors);
  await expectAnswers(world, served.ready.listening);
  const other = await callGarage(schema, served.ready.listening, 'BarrierService/Lift', [
    { ...LIFT, lane: 'LANE_RIGHT' },
  ]);
  const { exitCode, stdout } = await served.stop();

  expect(other.error?.rawMessage).toContain('lane is LANE_RIGHT, not LANE_LEFT');
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining('lane is LANE_RIGHT, not LANE_LEFT')]);
}

async function virtual(world: World): Promise<void> {
  const { kit, files, schema } = world;
  const stubs = EXPECTED_CALLS.map(({ rpc, requests, replies }) => {
    const { methodKind } = findMethod(schema, rpc);
    const isConversation = methodKind === 'bidi_streaming';
    return {
      rpc: `${PACKAGE}.${rpc}`,
      ...(!isConversation && { match: methodKind === 'client_streaming' ? requests : requests[0] }),
      replies: {
        unary: replies[0],
        client_streaming: replies[0],
        server_streaming: replies,
        bidi_streaming: replies.slice(0, 1),
      }[methodKind],
    };
  });
  const details = [{ '@type': `type.googleapis.com/${PACKAGE}.Refusal`, reason: 'x', about: CAR_ADMITTED.ticket }];
  const refusal = {
    rpc: `${PACKAGE}.GarageService/GetGarage`,
    match: { garageId: 'none' },
    fails: { code: 'not_found', details },
  };
  const file = join(await folderIn(world), 'stubs.json');
  await writeFile(file, JSON.stringify([...stubs, refusal]));

  const served = await kit.serve('virtual', files.descriptors, '--stubs', file, '--control');
  const { listening, control } = served.ready;
  await expectAnswers(world, listening);
  const request = { ...PERMIT_REQUEST, ...VOUCHER };
  const extended = await callGarage(schema, listening, 'PermitService/IssuePermit', [request], 'grpc');
  const refused = await callGarage(schema, listening, 'GarageService/GetGarage', [{ garageId: 'none' }]);
  const journal = await fetch(`${control}/touchstone.kit.v1.StubControlService/ListCalls`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ rpc: `${PACKAGE}.GarageService/UpdateGarage` }),
  });
  const [first] = ((await journal.json()) as { calls: { requests: object[] }[] }).calls;
  expect(await served.stop()).toMatchObject(OK);

  expect(extended.messages).toEqual([PERMIT]);
  expect(refused.error?.findDetails(schema.registry)).toMatchObject([
    { reason: 'x', about: { typeUrl: expect.any(String) } },
  ]);
  expect(first?.requests).toEqual([{ garage: GARAGE }]);
}

async function generate({ kit, files, schema }: World): Promise<void> {
  const served = await kit.serve('virtual', files.descriptors, '--generate');
  for (const { rpc, requests } of EXPECTED_CALLS) {
    const { error, messages } = await callGarage(schema, served.ready.listening, rpc, requests);
    expect([rpc, error, messages.length > 0]).toEqual([rpc, undefined, true]);
  }
  expect(await served.stop()).toMatchObject(OK);
}

async function upstream(world: World): Promise<void> {
  const { kit, files, schema, garage } = world;
  const file = join(await folderIn(world), 'stubs.json');
  const stub = { rpc: `${PACKAGE}.BarrierService/Lift`, match: { lane: 'LANE_RIGHT' }, fails: { code: 'aborted' } };
  await writeFile(file, JSON.stringify([stub]));

  const served = await kit.serve('virtual', files.descriptors, '--stubs', file, '--upstream', garage);
  await expectAnswers(world, served.ready.listening, { PermitService: FINES });
  const stubbed = await callGarage(schema, served.ready.listening, 'BarrierService/Lift', [{ lane: 'LANE_RIGHT' }]);
  const { stdout } = await served.stop();

  expect(stubbed.error?.message).toBe('[aborted]');
  expect(linesOf(stdout).at(-1)).toEqual({ forwarded: EXPECTED_CALLS.length });
}

async function record(world: World): Promise<void> {
  const { kit, files, schema } = world;
  const folder = await folderIn(world);
  const [file = '', promoted = ''] = ['garage.jsonl', 'promoted'].map((name) => join(folder, name));
  const descriptors = ['--descriptors', files.descriptors];

  const recorder = await kit.serve('record', ...descriptors, '--upstream', world.garage, '--out', file);
  await expectAnswers(world, recorder.ready.listening, { PermitService: FINES });
  const refused = await callGarage(schema, recorder.ready.listening, 'GarageService/GetGarage', [{ garageId: 'none' }]);
  const recorded = await recorder.stop();
  const replay = await kit.serve('replay', file, ...descriptors);
  await expectAnswers(world, replay.ready.listening);
  const again = await callGarage(
    schema,
    replay.ready.listening,
    'GarageService/GetGarage',
    [{ garageId: 'none' }],
    'grpc',
  );
  await replay.stop();
  const parties = ['--consumer', 'Recorder', '--provider', 'City-Garage', '--directory', promoted];
  const promotion = await kit.run('promote', file, ...descriptors, ...parties);
  const verified = await kit.run('verify', promoted, ...descriptors, '--provider', world.garage, ...FAST_WIRES);

  const calls = EXPECTED_CALLS.length + 1;
  expect(linesOf(recorded.stdout).at(-1)).toMatchObject({ recorded: calls, lost: 0 });
  expect(recorded.stderr).toContain('[garage.v1.fines]: an extension of garage.v1.Permit');
  for (const { error } of [refused, again]) {
    expect(error?.findDetails(schema.registry)).toMatchObject([{ reason: 'NO_SUCH_GARAGE' }]);
  }
  expect(promotion.stdout).toContain(`wrote ${calls} interactions`);
  expect(verified).toMatchObject(OK);
}

async function verify(world: World): Promise<void> {
  const { kit, files, schema, garage } = world;
  const given = ['verify', files.contracts, '--descriptors', files.descriptors, ...FAST_WIRES];
  const byInt64 = { ...GARAGE.byInt64, '9007199254740993': 'SIZE_SMALL' };
  await using changed = await startGarage(schema, { garage: { byInt64 } });

  const results = await folderIn(world);
  const honoured = await kit.run(...given, '--provider', garage, '--results', results);
  const broken = await kit.run(...given, '--provider', changed.url, '--json');

  expect(honoured).toMatchObject(OK);
  const { interactions } = JSON.parse(await readFile(join(results, 'City-Garage.json'), 'utf8'));
  expect(interactions.map(({ isHonoured }: { isHonoured: boolean }) => isHonoured)).toEqual(
    EXPECTED_CALLS.map(() => true),
  );
  expect(broken.exitCode).toBe(1);
  const failed = JSON.parse(broken.stdout).interactions.filter(({ checks }: { checks: { differences: [] }[] }) =>
    checks.some(({ differences }) => differences.length > 0),
  );
  expect(failed).toMatchObject([{ title: 'a question' }]);
  for (const { differences } of failed[0].checks) {
    expect(differences).toEqual([
      { path: 'byInt64["9007199254740993"]', expected: 'SIZE_UNSPECIFIED', actual: 'SIZE_SMALL' },
    ]);
  }
}

async function prune(world: World): Promise<void> {
  const { kit, files } = world;
  const contracts = join(await folderIn(world), 'contracts');
  await cp(files.contracts, contracts, { recursive: true });
  const file = join(contracts, 'Driver--City-Garage.json');
  const before = await readFile(file, 'utf8');
  const document = JSON.parse(before);
  const gone = { ...document.interactions[0], description: 'what no test records' };
  await writeFile(file, JSON.stringify({ ...document, interactions: [...document.interactions, gone] }));

  const { exitCode, stdout } = await kit.run('prune', contracts, '--run', files.consumerWith(contracts));

  expect([exitCode, stdout]).toEqual([0, `removed from ${file}: what no test records`]);
  expect(await readFile(file, 'utf8')).toBe(before);
}

/** Returns the findings of `buf breaking` when these lines of a file are removed. */
async function findBreaking(world: World, file: string, removed: RegExp): Promise<string> {
  const folder = await folderIn(world);
  await cp(join(world.files.folder, 'proto'), join(folder, 'proto'), { recursive: true });
  const path = join(folder, 'proto', file);
  const text = await readFile(path, 'utf8');
  expect(text).toMatch(removed);
  await writeFile(path, text.replace(removed, ''));
  const given = ['breaking', join(folder, 'proto'), '--against', world.files.descriptors, '--error-format=json'];
  const findings = await promisify(execFile)('buf', given).catch((error: { stdout: string }) => error);
  await writeFile(join(folder, 'findings.json'), findings.stdout);
  return join(folder, 'findings.json');
}

async function usage(world: World): Promise<void> {
  const { kit, files } = world;
  const given = ['can-i-change', '--usage', files.usage, '--findings'];

  const printed = await kit.run('usage', files.usage);
  const used = await findBreaking(world, 'garage/v1/garage.proto', /.*by_int64 = .*\n/);
  const unused = await findBreaking(world, 'garage/v1/barrier.proto', /.*Arm broken = .*\n/);
  const breaks = await kit.run(...given, used);
  const harmless = await kit.run(...given, unused);

  expect(printed.stdout).toMatch(/^garage\.v1\.Garage\.by_int64 +reads \(1\)$/m);
  expect([breaks.exitCode, breaks.stdout]).toEqual([
    1,
    expect.stringMatching(/by_int64[\s\S]*Driver[\s\S]*shows a garage/),
  ]);
  expect([harmless.exitCode, harmless.stdout]).toEqual([0, expect.stringContaining('broken')]);
}

async function faults({ kit, schema, garage }: World): Promise<void> {
  const fault = 'fail-first:count=1,status=503,rpc=garage.v1.BarrierService/Negotiate';
  const served = await kit.serve('faults', '--upstream', garage, '--fault', fault);
  const codes = [];
  for (const { rpc, requests } of EXPECTED_CALLS) {
    const { error } = await callGarage(schema, served.ready.listening, rpc, requests, 'grpc');
    if (error) codes.push([rpc, error.message]);
  }
  const { stdout } = await served.stop();

  expect(codes).toEqual([['BarrierService/Negotiate', expect.stringContaining('unavailable')]]);
  expect(linesOf(stdout).at(-1)).toMatchObject({ hits: 1, seen: 1 });
}

async function fuzz({ kit, garage }: World): Promise<void> {
  const calls = 1500;
  const bounds = ['--calls', String(calls), '--seed', '5', '--timeout', '20000'];

  const { exitCode, stdout } = await kit.run('fuzz', garage, ...bounds, '--json');

  expect([exitCode, linesOf(stdout).at(-1)]).toMatchObject([0, { calls, findings: 0 }]);
}

async function events(world: World): Promise<void> {
  const { kit, files, nats } = world;
  const given = ['--descriptors', files.descriptors, '--nats', nats];
  const lifted = { barrier: 0, arm: LIFT.arm, lane: 'LANE_LEFT' };

  // The listener waits for events that were stored before; without a stream it would have to be ready first.
  const heard = kit.run('listen', 'garage.>', '--count', '2', '--seconds', '20', ...given, '--json');
  const published = await publishUntil(heard, async () => {
    await kit.run('publish', `${PACKAGE}.CarAdmitted`, '--data', JSON.stringify(CAR_ADMITTED), ...given);
    return await kit.run('publish', `${PACKAGE}.BarrierLifted`, '--data', JSON.stringify(lifted), ...given);
  });

  expect(published).toMatchObject(OK);
  const messages = linesOf((await heard).stdout).map(({ type, message }) => ({ type, message }));
  expect(messages).toContainEqual({ type: `${PACKAGE}.CarAdmitted`, message: CAR_ADMITTED });
}

async function publishUntil<T>(heard: Promise<unknown>, publish: () => Promise<T>): Promise<T> {
  let isHeard = false;
  void heard.then(() => {
    isHeard = true;
  });
  for (;;) {
    const published = await publish();
    if (isHeard) return published;
  }
}

async function verifyEvents(world: World): Promise<void> {
  const { kit, files, nats } = world;
  const given = ['--descriptors', files.descriptors, '--nats', nats];
  const asked: string[] = [];
  // The provider is `kit publish` itself.
  const provider = createServer(async (request, response) => {
    const { type } = (await json(request)) as { type: string };
    asked.push(type);
    const { exitCode, stderr } = await kit.run('publish', '--contract', files.contracts, ...given);
    response.writeHead(exitCode === 0 ? 200 : 500).end(stderr);
  });
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  try {
    const url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
    const verified = await kit.run('verify-events', files.contracts, ...given, '--publish-url', url);

    expect(verified).toMatchObject(OK);
    expect(asked.toSorted()).toEqual(
      ['BarrierLifted', 'CarAdmitted', 'PermitIssued'].map((name) => `${PACKAGE}.${name}`),
    );
  } finally {
    provider.closeAllConnections();
    provider.close();
    await once(provider, 'close');
  }
}

async function init(world: World): Promise<void> {
  const { kit, files, env } = world;
  for (const rpc of ['GarageService/GetGarage', 'BarrierService/Lift', 'PermitService/IssuePermit']) {
    const folder = await folderIn(world);
    const file = join(folder, 'contract.test.mjs');
    const given = [
      '--consumer',
      'Driver',
      '--provider',
      'City-Garage',
      '--rpc',
      `${PACKAGE}.${rpc}`,
      '--runner',
      'node',
    ];
    const written = await kit.run('init', files.descriptors, ...given, '--out', file);
    expect(written).toMatchObject(OK);

    await promisify(execFile)(process.execPath, ['--test', file], { cwd: folder, env });
    const { interactions } = JSON.parse(await readFile(join(folder, 'contracts/Driver--City-Garage.json'), 'utf8'));
    expect(interactions).toHaveLength(1);
  }
}

/** What each command must do, by its name. */
export const COMMANDS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  stub,
  virtual,
  'virtual --generate': generate,
  'virtual --upstream': upstream,
  'record, kit replay and kit promote': record,
  verify,
  'usage and kit can-i-change': usage,
  faults,
  'publish and kit listen': events,
  'verify-events': verifyEvents,
};

/** Those that take seconds, because they make many calls or run other programs. */
export const HEAVY_COMMANDS: typeof COMMANDS = { prune, fuzz, init };
