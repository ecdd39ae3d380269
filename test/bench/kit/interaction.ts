// The one interaction that everything is measured by, as the kit and its peers are told of it, and the consumer's call.
import { once } from 'node:events';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';

export const CONSUMER = 'Reader';
export const PROVIDER = 'Library';
export const PATH = '/library.v1.LibraryService/GetBook';
export const HEADERS = { 'content-type': 'application/json' };

/** The request for a book, and its answer, in proto3 JSON. */
export function exampleOf(number: number) {
  return { request: { bookId: `b${number}` }, response: { book: { bookId: `b${number}`, title: 'Emma' } } };
}

/** Makes the consumer's call, by as little code as there is, and throws when the answer is not that of the interaction. */
export async function askForBook(baseUrl: string, number: number): Promise<void> {
  const { request: question, response: expected } = exampleOf(number);
  const body = JSON.stringify(question);
  const headers = { ...HEADERS, 'content-length': body.length };
  const [answer] = await once(
    request(`${baseUrl}${PATH}`, { method: 'POST', headers, agent: false }).end(body),
    'response',
  );
  const { book } = (await json(answer)) as typeof expected;
  if (book?.title !== expected.book.title || book.bookId !== expected.book.bookId) {
    throw new Error(`${baseUrl} answered ${answer.statusCode} without ${JSON.stringify(expected)}`);
  }
}
