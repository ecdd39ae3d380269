// The document of a contract: stable whatever order interactions come in, and refused when it is not one.
import { describe, expect, it } from 'vitest';
import {
  type ContractDocument,
  fileNameOf,
  type InteractionJson,
  mergeDocument,
  parseDocument,
  renderDocument,
} from '../../../../packages/kit/contract-file/contract-document.ts';

function json(description: string, more: Partial<InteractionJson> = {}): InteractionJson {
  return { type: 'Synchronous/HTTP', description, pluginConfiguration: { touchstone: {} }, ...more };
}

function textOf(document: ContractDocument): string {
  return Buffer.concat(renderDocument(document)).toString();
}

function metadataOf(version: string) {
  return { pactSpecification: { version }, touchstone: { formatVersion: '1' } };
}

function merge(existing: ContractDocument | undefined, ...interactions: InteractionJson[]): ContractDocument {
  return mergeDocument(existing, 'Reader', 'Library', interactions);
}

describe('a document', () => {
  it('is the same text whatever order its interactions came in', () => {
    const together = merge(undefined, json('a'), json('b'), json('c'));
    const apart = merge(merge(merge(undefined, json('c')), json('a')), json('b'));

    expect(textOf(apart)).toBe(textOf(together));
    expect(textOf(together)).toMatch(/^\{\n {2}"consumer": \{\n {4}"name": "Reader"[\s\S]*\}\n$/);
  });

  it('has the newer of two interactions with the same description and states', () => {
    const states = { providerStates: [{ name: 'open' }] };
    const document = merge(merge(undefined, json('a', states), json('a')), json('a', { ...states, pending: true }));

    expect(document.interactions.map(({ providerStates, pending }) => [providerStates?.length, pending])).toEqual([
      [undefined, undefined],
      [1, true],
    ]);
  });

  it('is the same one when all that is merged is in it', () => {
    const document = merge(undefined, json('a'), json('b'));

    expect(merge(document, json('b'), json('a'))).toBe(document);
    expect(merge(document, json('b', { pending: true }))).not.toBe(document);
  });

  it('says which version of Pact and of ours it is', () => {
    expect(merge(undefined, json('a')).metadata).toEqual({
      pactSpecification: { version: '4.0' },
      touchstone: { formatVersion: '1' },
    });
  });

  it.each([
    ['Writer', 'Library'],
    ['Reader', 'Archive'],
  ])('between %s and %s is not taken for one between others', (consumer, provider) => {
    const others = mergeDocument(undefined, consumer, provider, [json('a')]);

    expect(() => merge(others, json('b'))).toThrow(
      `the contract is between ${consumer} and ${provider}, not Reader and Library`,
    );
  });

  it('is read as it was written, which is JSON with two spaces', () => {
    const document = merge(undefined, json('a', { contents: { lines: [1, 2] } }), json('b'));

    expect(parseDocument(textOf(document), 'x.json')).toEqual(document);
    expect(textOf(document)).toBe(`${JSON.stringify(document, undefined, 2)}\n`);
  });

  it('is written with the metadata of other tools, whatever texts are in it', () => {
    const document = merge(undefined, json('a'));
    const more = { ...document, metadata: { ...document.metadata, tool: { note: '' } } };

    expect(textOf(more)).toBe(`${JSON.stringify(more, undefined, 2)}\n`);
  });

  it('takes an empty list of states for none', () => {
    const document = merge(merge(undefined, json('a')), json('a', { providerStates: [], pending: true }));

    expect(document.interactions).toEqual([json('a', { providerStates: [], pending: true })]);
  });

  it('is in order after it was read from a file that is not, the last of several with one name in its place', () => {
    const sorted = merge(undefined, json('a'), json('b', { pending: true }), json('c'), json('d'));
    const interactions = [json('c'), json('b'), json('d'), json('a'), json('b', { pending: true })];

    const read = parseDocument(JSON.stringify({ ...sorted, interactions }), 'x.json');

    expect(read).toEqual(sorted);
    expect(textOf(merge(read, json('a', { pending: true }), json('e')))).toBe(
      textOf(merge(sorted, json('a', { pending: true }), json('e'))),
    );
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('has each interaction in its place, whichever comes last: %i', (last) => {
    const all = [...'abcdefgh'].map((name) => json(name));
    const document = merge(undefined, ...all.toSpliced(last, 1), all[last] as InteractionJson);

    expect(document.interactions.map(({ description }) => description).join('')).toBe('abcdefgh');
  });
});

it('a file of any minor version of Pact 4 is a contract', () => {
  for (const version of ['4', '4.0', '4.1']) {
    const document = { ...merge(undefined, json('a')), metadata: metadataOf(version) };

    expect(parseDocument(JSON.stringify(document), 'x.json')).toEqual(document);
  }
});

describe('a file that is no contract', () => {
  it.each([
    { change: { consumer: undefined }, fault: 'x.json: consumer.name is missing' },
    { change: { provider: undefined }, fault: 'x.json: provider.name is missing' },
    { change: { provider: {} }, fault: 'x.json: provider.name is missing' },
    { change: { interactions: {} }, fault: 'x.json: interactions is no list' },
    {
      change: { metadata: { touchstone: { formatVersion: '1' } } },
      fault: 'x.json: metadata.pactSpecification.version is undefined, not 4.0',
    },
    {
      change: { metadata: { pactSpecification: { version: '4.0' } } },
      fault: 'x.json: was not written by this kit (metadata.touchstone is missing)',
    },
    ...['3.4', '40.0', '14'].map((version) => ({
      change: { metadata: metadataOf(version) },
      fault: `x.json: metadata.pactSpecification.version is ${version}, not 4.0`,
    })),
    ...['2', '10', '0.1'].map((formatVersion) => ({
      change: { metadata: { ...metadataOf('4.0'), touchstone: { formatVersion } } },
      fault: `x.json: metadata.touchstone.formatVersion is ${formatVersion}, not 1`,
    })),
  ])('is refused: $fault', ({ change, fault }) => {
    const text = JSON.stringify({ ...merge(undefined, json('a')), ...change });

    expect(() => parseDocument(text, 'x.json')).toThrow(fault);
  });

  it.each([
    ['hello', 'x.json: is not JSON'],
    ['null', 'x.json: consumer.name is missing'],
  ])('is refused when its text is %s', (text, fault) => {
    expect(() => parseDocument(text, 'x.json')).toThrow(fault);
  });

  it.each([
    [[null, { name: 'csv' }, { name: 'protobuf' }], 'convert it with `kit import`, and keep it in another folder'],
    [[null, { name: 'csv' }], 'so it cannot be read: keep it in another folder'],
    ['protobuf', 'so it cannot be read: keep it in another folder'],
  ])('is to be converted if it was written with the protobuf plugin of Pact: %j', (plugins, advice) => {
    const text = JSON.stringify({ ...merge(undefined), metadata: { pactSpecification: { version: '4.0' }, plugins } });

    expect(() => parseDocument(text, 'x.json')).toThrow(advice);
  });

  it('is refused with the error of the parser as the cause', () => {
    expect(() => parseDocument('{', 'x.json')).toThrow(
      expect.objectContaining({ name: 'Error', cause: expect.any(SyntaxError) }),
    );
  });
});

describe('the name of a file', () => {
  it('is made of both names', () => {
    expect(fileNameOf('OrderService', 'InventoryService')).toBe('OrderService-InventoryService.json');
  });

  it.each([
    ['order-service', 'inventory', 'order-service--inventory.json'],
    ['order', 'service-inventory', 'order--service-inventory.json'],
    ['Order Service', 'Bestellübersicht', 'Order Service-Bestellübersicht.json'],
    ['a', 'b.v1', 'a-b.v1.json'],
    ['Falcon', 'com', 'Falcon-com.json'],
    ['a', 'x'.repeat(100), `a-${'x'.repeat(100)}.json`],
  ])('has the names of %s and %s in it, and no other pair has its name', (consumer, provider, file) => {
    expect(fileNameOf(consumer, provider)).toBe(file);
  });

  it.each([
    ['CON', 'is the name of a device on Windows'],
    ['com1', 'is the name of a device on Windows'],
    ['lpt1.x', 'is the name of a device on Windows'],
    ['x'.repeat(300), 'has 300 bytes, more than the 100 that a file name has room for'],
    ['ü'.repeat(51), 'has 102 bytes'],
    ['a--b', 'is no name of letters'],
    ['-a', 'is no name of letters'],
    ['a ', 'is no name of letters'],
    ['a:b', 'is no name of letters'],
  ])('cannot have the name %s in it', (name, fault) => {
    expect(() => fileNameOf('Reader', name)).toThrow(fault);
    expect(() => fileNameOf(name, 'Library')).toThrow(/^consumer: /);
  });

  it('cannot leave its folder', () => {
    expect(() => fileNameOf('../Reader', 'Library')).toThrow('consumer: "../Reader" is no name of letters');
    expect(() => fileNameOf('Reader/../..', 'Library')).toThrow('consumer: "Reader/../.." is no name of letters');
    expect(() => fileNameOf('Reader', '')).toThrow('provider: "" is no name');
  });
});
