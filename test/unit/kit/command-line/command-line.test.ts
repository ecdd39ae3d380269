// The command line: its help, its errors, and the commands that only read files.
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runInTerminal } from './fake-terminal.ts';

const folder = fileURLToPath(import.meta.resolve('../../../../packages/kit/examples/weather/'));
const released = fileURLToPath(import.meta.resolve('../../../../proto/released.binpb'));
const foreignRecording = fileURLToPath(import.meta.resolve('./fixtures/foreign-recording.jsonl'));
const usage = `${folder}usage`;
const contracts = `${folder}contracts`;
const commands = [
  'import',
  'init',
  'stub',
  'virtual',
  'record',
  'replay',
  'promote',
  'verify',
  'prune',
  'usage',
  'can-i-change',
  'can-i-deploy',
  'faults',
  'fuzz',
  'publish',
  'listen',
  'verify-events',
];

describe('help', () => {
  it('lists every command and the exit codes', async () => {
    const { exitCode, out, errors } = await runInTerminal(['--help']);

    expect([exitCode, errors]).toEqual([0, '']);
    const [, list = ''] = /\nCommands:\n(.*?)\n\n/s.exec(out) ?? [];
    const listed = [...list.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...commands].sort());
    expect(out).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /);
  });

  it.each(commands)('of %s has an example that calls it', async (command) => {
    const { exitCode, out } = await runInTerminal([command, '--help']);

    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`\\nExample.*\\n(.*\\n)*  \\$ kit ${command} `));
    expect(out).toContain('--json');
  });

  it('is not needed to print the version', async () => {
    expect(await runInTerminal(['--version'])).toEqual({ exitCode: 0, out: '1.2.3', errors: '' });
  });
});

describe('kit fuzz', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });

  it('calls no service whose name has the address of another machine too', async () => {
    const addresses = ['127.0.0.1', '192.0.2.1'].map((address) => ({ address, family: 4 }));
    vi.spyOn(dns, 'lookup').mockResolvedValue(addresses as never);
    syncBuiltinESMExports();

    const { exitCode, errors } = await runInTerminal(['fuzz', 'http://shop.example:5000']);

    expect([exitCode, errors]).toEqual([2, expect.stringContaining('target: shop.example is not this machine')]);
  });
});

describe('an invalid command line', () => {
  const descriptors = ['--descriptors', released];

  it.each([
    { args: [], line: 'a command is required; `kit --help` lists them' },
    { args: ['serve'], line: "unknown command 'serve'" },
    { args: ['usage'], line: "missing required argument 'directory'" },
    { args: ['usage', usage, '--pretty'], line: "unknown option '--pretty'" },
    { args: ['usage', 'nowhere'], line: 'directory: nowhere: there is no such folder' },
    { args: ['stub', contracts], line: "required option '--descriptors <source>' not specified" },
    {
      args: ['stub', contracts, '--descriptors', 'nowhere'],
      line: '--descriptors: nowhere: there is no such file or folder',
    },
    {
      args: ['stub', contracts, ...descriptors, '--port', '65536'],
      line: "option '--port <number>' argument '65536' is invalid. It must be a port number of at most 65535.",
    },
    {
      args: ['init', released, '--consumer', 'A/B', '--provider', 'B'],
      line: '--consumer: "A/B" is no name of letters, digits, dots, underscores, and single hyphens and spaces within it',
    },
    { args: ['virtual', 'nowhere'], line: 'descriptors: nowhere: there is no such file or folder' },
    {
      args: ['fuzz', 'http://192.0.2.1:5000'],
      line: 'target: 192.0.2.1 is not this machine; say --allow-remote if its data may be lost',
    },
    {
      args: ['fuzz', 'http://10.127.0.1:5000'],
      line: 'target: 10.127.0.1 is not this machine; say --allow-remote if its data may be lost',
    },
    { args: ['fuzz', 'shop'], line: 'target: must be a URL such as http://127.0.0.1:50051' },
    {
      args: ['fuzz', 'http://127.0.0.1:1', '--descriptors', released, '--skip', 'shop.*'],
      line: '--skip: leaves no RPC to call',
    },
    {
      args: ['fuzz', 'http://127.0.0.1:1', '--descriptors', released, '--calls', '0'],
      line: "option '--calls <number>' argument '0' is invalid. It must be a whole number of at least 1.",
    },
    {
      args: ['fuzz', 'http://127.0.0.1:1', '--descriptors', released, '--fresh', 'a.B.c'],
      line: '--fresh: names fields of recorded requests, so it needs --recording',
    },
    {
      args: ['fuzz', 'http://127.0.0.1:1', '--descriptors', released, '--junit', 'nowhere/fuzz.xml'],
      line: "--junit: ENOENT: no such file or directory, access 'nowhere'",
    },
    {
      args: ['fuzz', 'http://127.0.0.1:1', '--descriptors', released, '--recording', 'nowhere.jsonl'],
      line: "--recording: nowhere.jsonl: cannot be read: ENOENT: no such file or directory, open 'nowhere.jsonl'",
    },
    {
      args: ['fuzz', 'http://127.0.0.1:1', '--descriptors', released, '--recording', foreignRecording],
      line:
        `--recording: ${foreignRecording}: exchange 1 (shop.order.v1.OrderService/GetOrder): request.messages[0]: ` +
        'cannot decode message shop.order.v1.GetOrderRequest from JSON: key "number" is unknown',
    },
    {
      args: ['publish', '--descriptors', released],
      line: "missing required argument 'type', unless --contract is given",
    },
    {
      args: ['publish', 'a.B', '--descriptors', released, '--data', '{}'],
      line: 'type: "a.B" is not a message type in --descriptors',
    },
    {
      args: ['publish', 'shop.order.v1.OrderCancelled', '--descriptors', released],
      line: '--data, --file or --contract is required unless the events are on standard input',
    },
    {
      args: ['publish', 'shop.order.v1.OrderCancelled', '--descriptors', released, '--data', '{"oder": 1}'],
      line: '--data: cannot decode message shop.order.v1.OrderCancelled from JSON: key "oder" is unknown',
    },
    {
      args: ['listen', 'shop.>', '--descriptors', released, '--type', 'a.B'],
      line: '--type: "a.B" is not a message type in --descriptors',
    },
    {
      args: ['listen', 'shop.>', '--descriptors', released, '--count', '0'],
      line: "option '--count <number>' argument '0' is invalid. It must be a whole number of at least 1.",
    },
    {
      args: ['verify-events', contracts, '--descriptors', released, '--publish-url', 'shop'],
      line: '--publish-url: must be a URL such as http://127.0.0.1:50051',
    },
    { args: ['faults'], line: '--upstream is required (the URL of the service)' },
    {
      args: ['promote', 'x', ...descriptors, '--consumer', 'A', '--provider', 'B', '--directory', 'd'].concat(
        ...['--placeholder', 'a.B.c=oops'],
      ),
      line: '--placeholder: "a.B.c=oops" must be a field and JSON, such as library.v1.Loan.member_id="m1"',
    },
    {
      args: ['verify', contracts, '--provider', 'http://127.0.0.1:1', ...descriptors],
      line: '--state-url is required: interactions have the states "Oslo expects sun", "no measurements in Oslo", "a cold night in Oslo"',
    },
    {
      args: ['stub', contracts, ...descriptors],
      line: '"a question for tomorrow": there is no RPC weather.v1.WeatherService/GetForecast in --descriptors',
    },
    {
      args: ['record', '--upstream', 'http://127.0.0.1:1', ...descriptors, '--out', 'x', '--redact', 'nope'],
      line: '--redact: "nope" does not begin with a message of the schema',
    },
    {
      args: ['can-i-change', '--usage', usage],
      line: '--findings is required unless the findings are on standard input',
    },
  ])('is reported in one line that names the problem: kit $args', async ({ args, line }) => {
    expect(await runInTerminal(args)).toEqual({ exitCode: 2, out: '', errors: `error: ${line}` });
  });

  it('is reported in JSON with --json', async () => {
    const { exitCode, errors } = await runInTerminal(['usage', 'nowhere', '--json']);

    expect([exitCode, JSON.parse(errors)]).toEqual([2, { error: 'directory: nowhere: there is no such folder' }]);
  });

  it.each([
    ['verify', contracts, '--provider', 'tcp://user:s3cret@host', ...descriptors],
    ['verify', contracts, '--provider', 'http://h:1', ...descriptors, '--header', 's3cret'],
    ['record', '--upstream', 'user:s3cret@host', ...descriptors, '--out', 'x'],
    ['faults', '--upstream', 'user:s3cret@host'],
  ])('is reported without possible secrets: kit %s', async (...args) => {
    const { exitCode, errors } = await runInTerminal(args);

    expect(exitCode).toBe(2);
    expect(errors).toMatch(/^error: --(provider|header|upstream): /);
    expect(errors).not.toContain('s3cret');
  });
});

describe('kit usage', () => {
  it('prints what each consumer uses, or the whole usage as JSON', async () => {
    const { exitCode, out } = await runInTerminal(['usage', usage]);
    const known = JSON.parse((await runInTerminal(['usage', usage, '--json'])).out);

    expect(exitCode).toBe(0);
    expect(out).toMatch(/^used +Gardener\n/);
    expect(out).toMatch(/^weather\.v1\.GetForecastResponse\.highest_celsius +reads \(\d\)$/m);
    expect(known.consumers).toMatchObject([{ consumer: 'Gardener', provider: 'WeatherOffice' }]);
  });
});

describe('kit can-i-change', () => {
  function deletionOf(number: number, name: string): string {
    const message = `Previously present field "${number}" with name "${name}" on message "GetForecastResponse" was deleted.`;
    return JSON.stringify({ path: 'weather/v1/weather.proto', type: 'FIELD_NO_DELETE', message });
  }

  it('ends with 1 if a finding on standard input breaks a consumer, and names the test', async () => {
    const { exitCode, out } = await runInTerminal(['can-i-change', '--usage', usage], deletionOf(2, 'highest_celsius'));

    expect(exitCode).toBe(1);
    expect(out).toMatch(/breaks Gardener/);
    expect(out).toContain('waters before a warm and dry day');
  });

  it('ends with 0 if no consumer uses the deleted field, and if the file of findings is empty', async () => {
    const unused = await runInTerminal(['can-i-change', '--usage', usage, '--json'], deletionOf(3, 'lowest_celsius'));
    const nothing = await runInTerminal(['can-i-change', '--usage', usage, '--findings', '/dev/null']);

    expect([unused.exitCode, nothing.exitCode]).toEqual([0, 0]);
    expect(JSON.parse(unused.out)).toMatchObject({ isBreaking: false, findings: [{ verdict: 'unused' }] });
  });

  it('refuses an empty standard input, which a failed comparison leaves as well', async () => {
    const { exitCode, out, errors } = await runInTerminal(['can-i-change', '--usage', usage], '\n');

    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(errors).toMatch(/^error: standard input is empty: buf found nothing, or it failed\..* --findings$/);
  });

  it('refuses input that is not a finding of buf', async () => {
    const { exitCode, errors } = await runInTerminal(['can-i-change', '--usage', usage], 'proto/a.proto:1:1: broken');

    expect([exitCode, errors]).toEqual([2, expect.stringMatching(/^error: standard input: line 1 is not JSON/)]);
  });
});
