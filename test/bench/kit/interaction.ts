// The interaction that every peer is measured with, and the consumer's call.
import { type OutgoingHttpHeaders, request } from 'node:http';

export const CONSUMER = 'Reader';
export const PROVIDER = 'Library';
export const PATH = '/library.v1.LibraryService/GetBook';
export const HEADERS = { 'content-type': 'application/json' };

/** The request for a book and its response, in proto3 JSON. */
export function exampleOf(number: number) {
  return { request: { bookId: `b${number}` }, response: { book: { bookId: `b${number}`, title: 'Emma' } } };
}

/**
 * Makes the consumer's call, with as little code as possible.
 *
 * @throws {Error} the response is not that of the interaction.
 */
export async function askForBook(baseUrl: string, number: number): Promise<void> {
  const { request: question, response: expected } = exampleOf(number);
  const body = JSON.stringify(question);
  const headers = { ...HEADERS, 'content-length': body.length };
  const { status, text } = await post(`${baseUrl}${PATH}`, headers, body);
  const { book } = JSON.parse(text) as typeof expected;
  if (book?.title !== expected.book.title || book.bookId !== expected.book.bookId) {
    throw new Error(`${baseUrl} answered ${status} without ${JSON.stringify(expected)}`);
  }
}

// Reuses the connection of the previous call to the same server.
function post(url: string, headers: OutgoingHttpHeaders, body: string) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>();
  const call = request(url, { method: 'POST', headers }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    answer.on('end', () => resolve({ status: answer.statusCode, text })).on('error', reject);
  });
  call.on('error', reject).end(body);
  return promise;
}
