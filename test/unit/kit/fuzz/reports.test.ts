// What the fuzzer prints: commands that make a call again, and JUnit XML; and when memory counts as growing.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  GetForecastRequestSchema,
  WeatherService,
} from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { symptomOf } from '../../../../packages/kit/fuzz/calls/finding.ts';
import { FUZZ_WIRES } from '../../../../packages/kit/fuzz/calls/fuzz-wire.ts';
import { reproduce } from '../../../../packages/kit/fuzz/calls/reproduce.ts';
import type { FuzzFinding } from '../../../../packages/kit/fuzz/fuzz.ts';
import { formatFinding, formatJunit, formatSummary } from '../../../../packages/kit/fuzz/fuzz-text.ts';
import { describeGrowth, isGrowth } from '../../../../packages/kit/fuzz/memory.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';

const rpc = 'weather.v1.WeatherService/GetForecast';
const target = { url: 'http://127.0.0.1:5000', headers: {}, registry: createTypeRegistry([WeatherService]) };

function callTo(town: string, wire: number) {
  return {
    method: WeatherService.method.getForecast,
    wire: FUZZ_WIRES[wire] as (typeof FUZZ_WIRES)[number],
    messages: [create(GetForecastRequestSchema, { town })],
    deviation: undefined,
    damage: undefined,
  };
}

describe('a finding can be made again', () => {
  it('with curl and grpcurl, also if a value has quotes', () => {
    const { curl, grpcurl } = reproduce(callTo("O'slo", 0), target);

    expect(grpcurl).toBe(`grpcurl -plaintext -d '{"town":"O'\\''slo"}' 127.0.0.1:5000 ${rpc}`);
    expect(curl).toBe(
      "curl --http1.1 -H 'content-type: application/json' -H 'connect-protocol-version: 1' " +
        `--data-binary '{"town":"O'\\''slo"}' 'http://127.0.0.1:5000/${rpc}'`,
    );
  });

  it('with the URL of a call by GET, for curl alone', () => {
    const { curl, grpcurl } = reproduce({ ...callTo('a', 0), isGet: true }, target);

    expect(curl).toBe(
      `curl --http1.1 'http://127.0.0.1:5000/${rpc}?connect=v1&encoding=json&base64=1&message=eyJ0b3duIjoiYSJ9'`,
    );
    expect(grpcurl).toBeUndefined();
  });

  it('with the options of TLS, without the names of files', () => {
    const https = { ...target, url: 'https://127.0.0.1:5000' };
    const { curl, grpcurl } = reproduce(callTo('a', 1), { ...https, tls: { ca: 'x', cert: 'y', key: 'z' } });

    expect(curl).toContain('--cacert … --cert … --key …');
    expect(grpcurl).toContain('grpcurl -cacert … -cert … -key … -d');
    expect(reproduce(callTo('a', 1), { ...https, tls: { insecure: true } }).grpcurl).toContain('grpcurl -insecure -d');
  });

  it('with the bytes of a binary body', () => {
    const { curl } = reproduce(callTo('a', 4), target);

    expect(curl).toContain(
      `printf '%b' '\\0000\\0000\\0000\\0000\\0003\\0012\\0001\\0141' | curl --http2-prior-knowledge`,
    );
  });

  it.each([0, 4])('on wire %i with a command in place of a long run of one letter', (wire) => {
    const { curl } = reproduce(callTo('a'.repeat(65_536), wire), target);

    expect(curl).toContain(`"$(head -c 65536 /dev/zero | tr '\\0' a)"`);
    expect(curl.length).toBeLessThan(500);
  });

  it('without printing the values of headers, which may be secrets', () => {
    const headers = { authorization: 'Bearer s3cret' };
    const { curl, grpcurl } = reproduce(callTo('a', 0), { ...target, headers });

    expect(`${curl} ${grpcurl}`).toContain("-H 'authorization: …'");
    expect(`${curl} ${grpcurl}`).not.toContain('s3cret');
  });

  it('with curl alone, if its bytes are damaged', () => {
    const damage = { kind: 'garbage' as const, at: 0, bytes: Uint8Array.of(1) };

    expect(reproduce({ ...callTo('a', 0), damage }, target).grpcurl).toBeUndefined();
  });
});

const finding: FuzzFinding = {
  kind: 'untyped error',
  rpc,
  wire: 'gRPC, HTTP/2',
  detail: 'internal: <oops> & "more"\u0000',
  cause: 'town: empty string',
  calls: 3,
  curl: 'curl x',
  grpcurl: undefined,
};
const report = {
  seed: 7,
  calls: 12,
  findings: [finding],
  rpcs: [
    { rpc, calls: 11, isDropped: false },
    { rpc: 'weather.v1.WeatherService/WatchTemperature', calls: 1, isDropped: true },
  ],
  wires: ['gRPC, HTTP/2' as const],
  notes: [],
  isGone: false,
};

describe('a report', () => {
  it('names the problem, the RPC, the reason and the commands', () => {
    expect(formatFinding({ ...finding, detail: 'internal: oops' })).toBe(
      `untyped error: internal: oops\n  ${rpc}, gRPC, HTTP/2, because of town: empty string\n  $ curl x`,
    );
  });

  it('lists the calls of a sequence, with the values that later ones take from earlier answers', () => {
    const sequence = [
      { rpc: 'a.B/Open', curl: 'curl open', grpcurl: 'grpcurl open', taken: [], renewed: ['request_id'] },
      { rpc, curl: 'curl x', grpcurl: undefined, taken: [{ field: 'id', call: 1, from: 'door.id' }], renewed: [] },
    ];

    expect(formatFinding({ ...finding, detail: 'internal: oops', cause: '', sequence })).toBe(
      `untyped error: internal: oops\n  ${rpc}, gRPC, HTTP/2, call 2 of a sequence\n` +
        '  call 1, a.B/Open: request_id is new each time\n    $ grpcurl open\n    $ curl open\n' +
        `  call 2, ${rpc}: id is door.id of the answer to call 1\n    $ curl x`,
    );
  });

  it('ends with the numbers, the seed and what was no longer called', () => {
    expect(formatSummary({ ...report, notes: ['exchange 1 is left out'] })).toBe(
      '12 calls of 2 RPCs by gRPC, HTTP/2: 1 finding; seed 7\n' +
        'no longer called, because too many calls did not end: weather.v1.WeatherService/WatchTemperature\n' +
        'exchange 1 is left out',
    );
  });

  it('is JUnit XML with a test case for each RPC, and no character that XML cannot have', () => {
    const xml = formatJunit(report);

    expect(xml).toContain('<testsuite name="kit fuzz, seed 7" tests="2" failures="1">');
    expect(xml).toContain('<testcase classname="weather.v1.WeatherService" name="GetForecast" assertions="11">');
    expect(xml).toContain('message="untyped error: internal: &lt;oops> &amp; &quot;more&quot;\ufffd"');
    expect(xml.match(/<\/testcase>/g)).toHaveLength(2);
  });
});

describe('two problems', () => {
  const problem = { kind: 'untyped error', detail: 'internal: order 17 of "Ada" is lost', cause: '' } as const;

  it('are the same if their messages differ in values only', () => {
    const other = { ...problem, detail: 'internal: order 4 of "Bob" is lost' };

    expect(symptomOf(other, rpc)).toBe(symptomOf(problem, rpc));
  });

  it.each([{ detail: 'internal: order is lost' }, { kind: 'hang' as const }])('are different with %j', (difference) => {
    expect(symptomOf({ ...problem, ...difference }, rpc)).not.toBe(symptomOf(problem, rpc));
  });
});

describe('memory', () => {
  const mib = 1024 * 1024;

  it.each([
    [[100, 120, 140, 160], true],
    [[100, 140, 141, 160], false],
    [[100, 105, 110, 115], false],
    [[100, 90, 130, 170], false],
  ])('of %j MiB after each round grows: %s', (samples, expected) => {
    expect(isGrowth(samples.map((sample) => sample * mib))).toBe(expected);
  });

  it('growth is stated for each call', () => {
    expect(describeGrowth([0, 100, 200, 300].map((sample) => sample * mib))).toBe('1024 KiB for each call');
  });
});
