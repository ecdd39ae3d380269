// How long the page takes until a person can use it, and how much it loads until then.
import type { TestBrowser } from './browser.ts';

/** Milliseconds since the beginning of the navigation, and bytes as transferred. */
export type PageFigures = {
  readonly firstPaint: number;
  /** A product can be added: its data are there. */
  readonly controlEnabled: number;
  /** The product that was added at once is in the basket. */
  readonly inputHandled: number;
  /** The page's own files. */
  readonly fileBytes: number;
  /** What it read from the services by then. */
  readonly dataBytes: number;
};

/** Watches for the first button of a product, clicks it, and waits until its basket shows it. Runs in the page, before its scripts. */
const WATCH = `(() => {
  const seen = {};
  const look = () => {
    const add = document.querySelector('.product > button:not(:disabled)');
    if (add !== null && seen.controlEnabled === undefined) {
      seen.controlEnabled = performance.now();
      add.click();
    }
    if (document.querySelector('.product output') !== null && seen.inputHandled === undefined) {
      seen.inputHandled = performance.now();
      globalThis.figures = seen;
      document.documentElement.dataset.figures = 'measured';
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true });
})()`;

const READ = `(() => {
  const sizes = performance.getEntries().filter(({ transferSize }) => transferSize !== undefined);
  const isFile = ({ entryType, initiatorType }) => entryType === 'navigation' || initiatorType !== 'fetch';
  const sum = (entries) => entries.reduce((total, { transferSize }) => total + transferSize, 0);
  const [paint] = performance.getEntriesByName('first-contentful-paint');
  return {
    ...globalThis.figures,
    firstPaint: paint?.startTime ?? 0,
    fileBytes: sum(sizes.filter(isFile)),
    dataBytes: sum(sizes.filter((entry) => !isFile(entry))),
  };
})()`;

/** Opens the page with nothing cached, and uses it as soon as that is possible. */
export async function measurePage(browser: TestBrowser, url: string): Promise<PageFigures> {
  const { page } = await browser.open('about:blank');
  try {
    await page.addInitScript(WATCH);
    await page.goto(url);
    await page
      .locator('[data-figures=measured]')
      .waitFor({ state: 'attached' })
      .catch((cause: unknown) => {
        throw new Error(`${url} shows no product to put into the basket; it has to run with CONSOLE_SIGN_IN=off`, {
          cause,
        });
      });
    return (await page.evaluate(READ)) as PageFigures;
  } finally {
    await page.close();
  }
}
