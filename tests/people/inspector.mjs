// Looks at every page of ours that a browser meets: accessibility (axe), errors in the console, requests to others,
// room on a phone. What is wrong is collected until it is reported.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

export class Inspector {
  #providers;
  #problems = [];
  #visited = [];
  #inspected = new Set();
  #stopped = [];

  constructor(providers) {
    this.#providers = providers;
  }

  provider(origin) {
    this.#providers.push(origin);
  }

  isProvider(url) {
    return this.#providers.some((origin) => url.startsWith(`${origin}/`));
  }

  /** Addresses that begin so are never reached, which is no problem. */
  stopped(url) {
    this.#stopped.push(url);
  }

  #isStopped(url) {
    return this.#stopped.some((prefix) => url.startsWith(prefix));
  }

  #isOurs(url) {
    return url.startsWith('http') && !this.isProvider(url) && !this.#isStopped(url);
  }

  /** Listens to a new tab. */
  async watch(page) {
    await page.setViewportSize(DESK);
    page.on('request', (request) => {
      if (request.isNavigationRequest() && request.frame() === page.mainFrame()) this.#visited.push(request.url());
      // Whoever asks for something: a page of ours may only ask its own origin, and send people to a provider.
      const asker = page.url();
      if (!this.#isOurs(asker) || request.isNavigationRequest()) return;
      if (new URL(request.url()).origin !== new URL(asker).origin && !request.url().startsWith('data:')) {
        this.#problems.push(`${asker} asks another origin: ${request.url()}`);
      }
    });
    page.on('pageerror', (error) => {
      if (this.#isOurs(page.url())) this.#problems.push(`${page.url()}: a script failed: ${error.message}`);
    });
    page.on('console', (message) => {
      const from = message.location().url || page.url();
      // That a page was answered with 400 is told in the console too, and is what a test may be about.
      const status = /^Failed to load resource: the server responded with a status/.test(message.text());
      const document = status && this.#visited.includes(from);
      if (message.type() === 'error' && this.#isOurs(page.url()) && this.#isOurs(from) && !document) {
        this.#problems.push(`${page.url()}: the console says: ${message.text()} (${from})`);
      }
    });
    return page;
  }

  /** Looks at the page as it is now, once for each state that it is seen in. */
  async inspect(page, scripts) {
    const url = page.url();
    // Without JavaScript there is nothing to run axe in; the same pages are seen with it elsewhere.
    if (!scripts || !this.#isOurs(url)) return;
    // The same page with another secret in its form looks the same.
    const html = (await page.content().catch(() => '')).replace(/ (value|href)="[^"]*"|\d+/g, '');
    if (this.#inspected.has(html)) return;
    this.#inspected.add(html);
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme });
      await this.#axe(page, colorScheme);
    }
    await page.setViewportSize(PHONE);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > PHONE.width) this.#problems.push(`${url}: wider than a phone: ${width} px`);
    await page.setViewportSize(DESK);
  }

  async #axe(page, colorScheme) {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false }));
    for (const { id, help, nodes } of violations) {
      const where = nodes.map((node) => node.html.slice(0, 120)).join(' | ');
      this.#problems.push(`${page.url()} (${colorScheme}): ${id}: ${help}: ${where}`);
    }
  }

  /** Three pictures: NAME-light.png, NAME-dark.png, NAME-phone.png. */
  async picture(page, folder, name) {
    if (!this.#isOurs(page.url())) throw new Error(`${page.url()} is no page of ours`);
    fs.mkdirSync(folder, { recursive: true });
    const take = (kind) => page.screenshot({ path: path.join(folder, `${name}-${kind}.png`), fullPage: true, caret: 'initial' });
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme });
      await take(colorScheme);
    }
    await page.setViewportSize(PHONE);
    await take('phone');
    await page.setViewportSize(DESK);
  }

  /** What happened since the last report. */
  report() {
    const report = { visited: this.#visited, problems: this.#problems };
    this.#visited = [];
    this.#problems = [];
    return report;
  }
}
