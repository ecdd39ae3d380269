// A real browser for tests of the page: Debian's Chromium, or the one that CHROMIUM names.
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of a browser on this machine; undefined when there is none. */
export function findChromium(): string | undefined {
  return [process.env.CHROMIUM, ...PLACES].find((path) => path !== undefined && existsSync(path));
}

/** Why a test is skipped without one. */
export const NO_CHROMIUM =
  'there is no Chromium on this machine (the package chromium brings one; CHROMIUM names another)';

export type OpenPage = {
  readonly page: Page;
  /** What the page reported: errors of scripts, and what its policy refused. */
  readonly errors: readonly string[];
};

export type TestBrowser = AsyncDisposable & {
  /** Opens a page of its own, with nothing of the others. */
  open(url: string, options?: PageOptions): Promise<OpenPage>;
  /** Closes all pages: one that stays open goes on asking for what it shows. */
  closePages(): Promise<void>;
};

export type PageOptions = {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
};

/** Starts a browser; its disposal ends it with all its pages. */
export async function startBrowser(executablePath: string): Promise<TestBrowser> {
  // As root, Chromium does not start with its sandbox.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser: Browser = await chromium.launch({ executablePath, args });
  return {
    open: async (url, { width = 1280, height = 860, colorScheme = 'light' } = {}) => {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
      const errors: string[] = [];
      page.on('pageerror', ({ message }) => errors.push(message));
      page.on('console', (line) => {
        // A service that is down is an answer too.
        if (line.type() === 'error' && !line.text().startsWith('Failed to load resource')) errors.push(line.text());
      });
      await page.goto(url);
      return { page, errors };
    },
    closePages: async () => {
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
