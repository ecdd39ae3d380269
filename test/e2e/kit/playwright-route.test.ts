// A virtual service in memory behind a route of Playwright: a page in a real browser calls it, from its own origin and from another one.
import { createInMemoryService, createPlaywrightHandler } from '@touchstone/kit';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LibraryService, RefusalSchema } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { findChromium, NO_CHROMIUM, startBrowser, type TestBrowser } from '../../support/browser/browser.ts';

const executable = findChromium();
const PAGE = 'https://shop.example/';
const { getBook, listBooks } = LibraryService.method;

let browser: TestBrowser;
beforeAll(async () => {
  if (executable !== undefined) browser = await startBrowser(executable);
});
afterAll(() => browser?.[Symbol.asyncDispose]());

type Answer = { readonly status: number; readonly shelf: string | null; readonly body: string };

/** Calls an RPC from a script of the page, as a client of Connect does. */
function call(page: Page, url: string, type: string, body: string): Promise<Answer> {
  return page.evaluate(
    async ([target = '', contentType = '', text = '']) => {
      const headers = { 'content-type': contentType, 'connect-protocol-version': '1', 'x-tenant': 'north' };
      const response = await fetch(target, { method: 'POST', headers, body: text });
      return { status: response.status, shelf: response.headers.get('x-shelf'), body: await response.text() };
    },
    [url, type, body],
  );
}

/** A message of a stream: a byte of flags, four bytes of length, and JSON. */
const enveloped = (json: string) => `\0\0\0\0${String.fromCharCode(json.length)}${json}`;

it.for([
  { from: 'its own origin', origin: 'https://shop.example' },
  { from: 'another origin', origin: 'https://api.example' },
])(
  'a page calls stubs of a service at $from, reads headers, errors and streams, and loads the rest as before',
  async ({ origin }, { skip }) => {
    skip(executable === undefined, NO_CHROMIUM);
    const library = await createInMemoryService({ services: [LibraryService] });
    library.stub(getBook, { bookId: 'b1' }).replies((_, { responseHeader }) => {
      responseHeader.set('x-shelf', 'A1');
      return { book: { title: 'Emma' } };
    });
    library.stub(getBook, { bookId: 'lost' }).fails(5, 'gone', [{ desc: RefusalSchema, value: { reason: 'LOST' } }]);
    library.stub(listBooks).replies([{ book: { title: 'Emma' } }, { book: { title: 'Persuasion' } }]);
    const { page, errors } = await browser.open('about:blank');
    await page.route(PAGE, (route) => route.fulfill({ contentType: 'text/html', body: '<title>Shop</title>' }));
    await page.route('**', await createPlaywrightHandler(library));
    await page.goto(PAGE);
    const urlOf = (rpc: string) => `${origin}/library.v1.LibraryService/${rpc}`;

    const found = await call(page, urlOf('GetBook'), 'application/json', '{"bookId":"b1"}');
    const lost = await call(page, urlOf('GetBook'), 'application/json', '{"bookId":"lost"}');
    const listed = await call(page, urlOf('ListBooks'), 'application/connect+json', enveloped('{}'));

    expect(await page.title()).toBe('Shop');
    expect(found).toEqual({ status: 200, shelf: 'A1', body: '{"book":{"title":"Emma"}}' });
    expect([lost.status, JSON.parse(lost.body)]).toMatchObject([404, { code: 'not_found', message: 'gone' }]);
    expect(listed.body).toMatch(/Emma.*Persuasion/s);
    expect(library.requests(getBook).map(({ bookId }) => bookId)).toEqual(['b1', 'lost']);
    const [first] = library.calls(getBook);
    expect([first?.requestHeader.get('x-tenant'), first?.requestHeader.get('origin')]).toEqual([
      'north',
      'https://shop.example',
    ]);
    expect(errors).toEqual([]);
    await page.close();
  },
);
