// Contracts without generated code: messages as proto3 JSON, RPCs by name, and services of proto2.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { anyPack, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import {
  anyOf,
  contract,
  eachLike,
  like,
  loadSchema,
  packed,
  startRecorder,
  startStubServer,
  startVirtualService,
  verifyProvider,
} from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  BookLentSchema,
  Genre,
  LibraryService,
  LoanSchema,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { makeDirectory } from './contract-files.ts';

const library = fileURLToPath(new URL('../../../packages/kit/examples/library/proto', import.meta.url));
const gate = fileURLToPath(new URL('fixtures/gate', import.meta.url));
const DUE = '2026-01-02T03:04:05Z';

const ask = ({ url }: { readonly url: string }) =>
  createClient(LibraryService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' })).getBook({ bookId: 'b1' });

const OPEN = 'gate.v1.GateService/Open';

function openGate(url: string, request: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/${OPEN}`, { method: 'POST', headers, body: JSON.stringify(request) });
}

describe('a contract', () => {
  it('is the same file from names and values of proto3 JSON as from generated code', async () => {
    await using ofCode = await makeDirectory();
    await using ofJson = await makeDirectory();
    const due = timestampFromDate(new Date(DUE));
    const { services } = await loadSchema(library);

    await contract('Reader', 'Library', { directory: ofCode.path })
      .uponReceiving('a question')
      .calls(LibraryService.method.getBook, { bookId: 'b1' })
      .repliesWith({
        book: {
          ...{ bookId: like('b1'), genre: anyOf(Genre.FICTION, Genre.SCIENCE), catalogueNumber: 9007199254740993n },
          ...{
            cover: Uint8Array.of(1, 2),
            acquireTime: like(due),
            publisher: 'Egmont',
            authors: eachLike({ born: 1 }),
          },
          place: { case: 'loan', value: { memberId: 'm1', dueTime: due } },
          attachment: anyPack(LoanSchema, create(LoanSchema, { memberId: 'm2' })),
        },
      })
      .run(ask);
    await contract('Reader', 'Library', { directory: ofJson.path, services })
      .uponReceiving('a question')
      .calls('library.v1.LibraryService/GetBook', { book_id: 'b1' })
      .repliesWith({
        book: {
          ...{ book_id: like('b1'), genre: anyOf('GENRE_FICTION', 'GENRE_SCIENCE') },
          ...{ catalogue_number: '9007199254740993', cover: 'AQI=', acquire_time: like(DUE), publisher: 'Egmont' },
          ...{ authors: eachLike({ born: 1 }), loan: { member_id: 'm1', dueTime: DUE } },
          attachment: { '@type': 'type.googleapis.com/library.v1.Loan', memberId: 'm2' },
        },
      })
      .run(ask);

    const [code, json] = [ofCode, ofJson].map(({ path }) => readFile(join(path, 'Reader-Library.json'), 'utf8'));
    expect(await json).toBe(await code);
  });

  it('may have events and packed messages as proto3 JSON', async () => {
    await using directory = await makeDirectory();
    const reader = contract('Reader', 'Library', { directory: directory.path });

    await reader
      .uponReceiving('a loan')
      .event(BookLentSchema, { book_id: 'b1', version: '3' } as object)
      .handledBy(({ payload }) => expect([...payload]).toEqual([10, 2, 98, 49, 32, 3]));
    const literal = { book: { attachment: packed(BookLentSchema, { book_id: 'b1', version: '3' } as object) } };
    const { book } = await reader
      .uponReceiving('a question')
      .calls(LibraryService.method.getBook, { bookId: 'b1' })
      .repliesWith(literal)
      .run(ask);

    expect([...(book?.attachment?.value ?? [])]).toEqual([10, 2, 98, 49, 32, 3]);
  });

  it('refuses the name of an RPC that its services do not have, and lists theirs', async () => {
    const { services } = await loadSchema(gate);
    const calls = (given: object) => () =>
      contract('A', 'B', { directory: 'unused', ...given })
        .uponReceiving('x')
        .calls('gate.v1.GateService/Shut', {});

    expect(calls({ services })).toThrow(`there is no RPC "gate.v1.GateService/Shut"; known are ${OPEN}`);
    expect(calls({})).toThrow('the option "services" has none');
  });
});

describe('a service of proto2', () => {
  it('has its required fields in every answer of a contract, whatever the consumer relies on', async () => {
    await using directory = await makeDirectory();
    const { services } = await loadSchema(gate);
    await contract('Driver', 'Gate', { directory: directory.path, services })
      .uponReceiving('a car')
      .calls(OPEN, { plate: 'x' })
      .repliesWith({ door: 'DOOR_SOUTH' })
      .run(async ({ url }) => {
        const answer = await openGate(url, { plate: 'x' });
        expect(await answer.json()).toEqual({ isOpen: false, lane: { number: '0' }, door: 'DOOR_SOUTH' });
      });

    await using stub = await startStubServer(directory.path, { services });
    const verification = await verifyProvider({ contracts: directory.path, url: stub.url, services });

    verification.assertHonoured();
  });

  it('cannot be stubbed without its required fields, and answers with them', async () => {
    const { services } = await loadSchema(gate);
    await using service = await startVirtualService({ services });
    const stub = service.stub(OPEN, { plate: 'x' });

    expect(() => stub.replies({ isOpen: true, lane: {} })).toThrow(
      'lane.number is required, and missing in a gate.v1.OpenResponse',
    );
    service.stub(OPEN, { plate: 'x' }).replies({ is_open: true, lane: { number: 5 } });
    const answer = await openGate(service.url, { plate: 'x', '[gate.v1.driver]': 'Ada' });

    expect(await answer.json()).toEqual({ isOpen: true, lane: { number: '5' } });
  });
});

describe('a service that writes numbers of 64 bits bare, as other implementations do', () => {
  const LARGE = '9007199254740993';
  async function startForeign(): Promise<AsyncDisposable & { readonly url: string }> {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(`{"book": {"bookId": "b1", "catalogueNumber": ${LARGE}}}`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async [Symbol.asyncDispose]() {
        server.close();
        await once(server, 'close');
      },
    };
  }

  it('is verified and recorded with every digit', async () => {
    await using directory = await makeDirectory();
    await using foreign = await startForeign();
    await contract('Reader', 'Library', { directory: directory.path })
      .uponReceiving('a question')
      .calls(LibraryService.method.getBook, { bookId: 'b1' })
      .repliesWith({ book: { catalogueNumber: BigInt(LARGE) } })
      .run(ask);
    const services = [LibraryService];

    const verification = await verifyProvider({
      ...{ contracts: directory.path, url: foreign.url, services, wires: ['Connect JSON, HTTP/1.1'] },
    });
    await using recorder = await startRecorder({ upstream: foreign.url, services });
    const { book } = await createClient(
      LibraryService,
      createConnectTransport({ baseUrl: recorder.url, httpVersion: '1.1', useBinaryFormat: false }),
    ).getBook({ bookId: 'b1' });

    verification.assertHonoured();
    expect(String(book?.catalogueNumber)).toBe(LARGE);
    expect(JSON.stringify(recorder.recording())).toContain(LARGE);
  });
});
