// The element of each finding of `buf breaking`, from the messages of buf 1.75. Unknown messages are never guessed.
import { describe, expect, it } from 'vitest';
import { readBreakingFindings } from '../../../../packages/kit/usage/breaking-findings.ts';

const find = (type: string, message: string, path: string | undefined = 'proto/library/v1/library.proto') =>
  readBreakingFindings(JSON.stringify({ path, start_line: 7, type, message }))[0];

describe('a finding', () => {
  it.each([
    [
      'FIELD_NO_DELETE',
      'Previously present field "2" with name "title" on message "Book" was deleted.',
      { kind: 'field', type: 'Book', number: 2, name: 'title' },
    ],
    [
      'FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED',
      'Previously present field "2" with name "title" on message "Book" was deleted without reserving the number "2".',
      { kind: 'field', type: 'Book', number: 2, name: 'title' },
    ],
    [
      'FIELD_SAME_NAME',
      'Field "1" on message "Author" changed name from "name" to "full_name".',
      { kind: 'field', type: 'Author', number: 1, name: undefined },
    ],
    [
      'FIELD_SAME_JSON_NAME',
      'Field "1" with name "full_name" on message "Author" changed option "json_name" from "name" to "fullName".',
      { kind: 'field', type: 'Author', number: 1, name: undefined },
    ],
    [
      'FIELD_WIRE_JSON_COMPATIBLE_TYPE',
      'Field "4" with name "copies" on message "Book" changed type from "string" to "int32". See https://developers.google.com/protocol-buffers/docs/proto3#updating for wire compatibility rules and https://developers.google.com/protocol-buffers/docs/proto3#json for JSON compatibility rules.',
      { kind: 'field', type: 'Book', number: 4, name: undefined },
    ],
    [
      'FIELD_SAME_CARDINALITY',
      'Field "8" with name "lendable" on message "Book" changed cardinality from "optional with implicit presence" to "repeated".',
      { kind: 'field', type: 'Book', number: 8, name: undefined },
    ],
    [
      'FIELD_SAME_ONEOF',
      'Field "16" with name "loan" on message "Book" moved from inside to outside a oneof.',
      { kind: 'oneof member', type: 'Book', number: 16 },
    ],
    [
      'ONEOF_NO_DELETE',
      'Previously present oneof "place" on message "Book" was deleted.',
      { kind: 'oneof', type: 'Book', name: 'place' },
    ],
    [
      'ENUM_VALUE_NO_DELETE',
      'Previously present enum value "-2" on enum "Genre" was deleted.',
      { kind: 'enum value', type: 'Genre', number: -2 },
    ],
    [
      'ENUM_VALUE_SAME_NAME',
      'Enum value "1" on enum "Genre" changed name from "GENRE_FICTION" to "GENRE_NOVEL".',
      { kind: 'enum value', type: 'Genre', number: 1 },
    ],
    [
      'MESSAGE_NO_DELETE',
      'Previously present message "A.Inner.Deep" was deleted from file.',
      { kind: 'type', type: 'A.Inner.Deep', package: undefined },
    ],
    [
      'PACKAGE_ENUM_NO_DELETE',
      'Previously present enum "Genre" was deleted from package "library.v1".',
      { kind: 'type', type: 'Genre', package: 'library.v1' },
    ],
    [
      'RESERVED_MESSAGE_NO_DELETE',
      'Previously present reserved range "[9]" on message "A" is missing values: [9] were removed.',
      { kind: 'type', type: 'A', package: undefined },
    ],
    [
      'RPC_NO_DELETE',
      'Previously present RPC "ReturnBooks" on service "LibraryService" was deleted.',
      { kind: 'rpc', type: 'LibraryService', name: 'ReturnBooks' },
    ],
    [
      'RPC_SAME_RESPONSE_TYPE',
      'RPC "LendBook" on service "LibraryService" changed response type from "library.v1.LendBookResponse" to "library.v1.GetBookResponse".',
      { kind: 'rpc', type: 'LibraryService', name: 'LendBook' },
    ],
    [
      'SERVICE_NO_DELETE',
      'Previously present service "LibraryService" was deleted from file.',
      { kind: 'service', type: 'LibraryService', package: undefined },
    ],
    [
      'FILE_SAME_PACKAGE',
      'File package changed from "library.v1" to "library.v2".',
      { kind: 'file', path: 'proto/library/v1/library.proto' },
    ],
  ])('of %s is about an element: %s', (rule, message, element) => {
    expect(find(rule, message)).toEqual({ path: 'proto/library/v1/library.proto', line: 7, rule, message, element });
  });

  it('of a deleted file is about the file, or about a type by its full name', () => {
    const file = find('FILE_NO_DELETE', 'Previously present file "library/v1/b.proto" was deleted.', '');
    const [type] = readBreakingFindings(
      '{"type":"PACKAGE_MESSAGE_NO_DELETE","message":"Previously present message \\"B\\" was deleted from package \\"library.v1\\"."}',
    );

    expect(file?.element).toEqual({ kind: 'file', path: 'library/v1/b.proto' });
    expect(type).toMatchObject({ path: undefined, element: { kind: 'type', type: 'B', package: 'library.v1' } });
  });

  it.each([
    ['of a rule that is not known', 'EXTENSION_NO_DELETE', 'Previously present extension "e" was deleted from file.'],
    ['in other words', 'FIELD_NO_DELETE', 'The field "title" (2) of "Book" is gone.'],
    ['of a contract that does not compile', 'COMPILE', 'syntax error: unexpected "}"'],
    [
      'of one rule in the words of another',
      'FIELD_SAME_TYPE',
      'Previously present oneof "place" on message "Book" was deleted.',
    ],
  ])('%s is not guessed at', (_, rule, message) => {
    expect(find(rule, message)).toMatchObject({ rule, message, element: undefined });
  });

  it('of a name without a file has no element', () => {
    const [finding] = readBreakingFindings(
      '{"type":"FIELD_NO_DELETE","message":"Previously present field \\"2\\" with name \\"title\\" on message \\"Book\\" was deleted."}',
    );

    expect(finding?.element).toBeUndefined();
  });
});

describe('the output of buf', () => {
  it('has one finding a line, and none if it is empty', () => {
    const line = JSON.stringify({ path: 'a.proto', type: 'FILE_SAME_PACKAGE', message: 'File package changed.' });

    expect(readBreakingFindings(`${line}\n${line}\n\n`)).toHaveLength(2);
    expect(readBreakingFindings('')).toEqual([]);
  });

  it.each([
    ['Failure: input contained no .proto files', 'line 1 is not JSON'],
    ['\n{"path": "a.proto"}', 'line 2 is not a finding of buf: type or message is missing'],
    ['null', 'line 1 is not a finding of buf'],
  ])('is refused if it is not a finding: %s', (text, fault) => {
    expect(() => readBreakingFindings(text)).toThrow(fault);
  });
});
