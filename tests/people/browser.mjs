// A person's browser: headless Chromium that does what it is told and complains about every page of ours.
//
//   node browser.mjs PROVIDER_ORIGIN…
//
// Each line on standard input is a JSON order, answered by one line: where the browser is now ({url, title, text}),
// the addresses it was sent to since the last order (`visited`), and everything that was wrong (`problems`). It ends
// when standard input does. The orders:
//
//   {"do": "machine", "javascript": false}         from now on another machine: no cookies, one empty tab
//   {"do": "tab", "number": 1}                     that tab of the machine, opened if need be
//   {"do": "open", "url": …}
//   {"do": "press", "name": …}                     the button or link with that name
//   {"do": "unfold", "words": …}                   the part of the page that is folded under these words
//   {"do": "type", "into": …, "text": …}           the field with that label
//   {"do": "read", "until": …}                     waits until the page says so
//   {"do": "sign-in", "as": "alice"}               at the provider: its login and its consent
//   {"do": "refuse"}                               at the provider: no
//   {"do": "stop-at", "url": …}                    this tab does not ask for addresses that begin so, from now on
//   {"do": "picture", "folder": …, "name": …}      light, dark and as narrow as a phone
//   {"do": "provider", "origin": …}                pages there are not ours either
//   {"do": "passkeys"}                             a security key is plugged in
import readline from 'node:readline';
import { chromium } from 'playwright-core';
import { Inspector } from './inspector.mjs';

const PATIENCE = 15_000;
const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET });
const inspector = new Inspector(process.argv.slice(2));
let machine;
let tabs = [];
let page;
let scripts;

const orders = {
  async machine({ javascript = true }) {
    await machine?.close();
    scripts = javascript;
    machine = await browser.newContext({ javaScriptEnabled: javascript, reducedMotion: 'reduce' });
    machine.setDefaultTimeout(PATIENCE);
    tabs = [];
    await orders.tab({ number: 0 });
  },
  async tab({ number }) {
    tabs[number] ??= await inspector.watch(await machine.newPage());
    page = tabs[number];
  },
  async open({ url }) {
    // A page that was stopped at is a failed navigation to Chromium.
    await page.goto(url).catch((error) => {
      if (!/ERR_ABORTED|ERR_BLOCKED_BY_CLIENT/.test(error.message)) throw error;
    });
  },
  async press({ name }) {
    const wanted = page.getByRole('button', { name }).or(page.getByRole('link', { name })).first();
    await Promise.all([arrival(), wanted.click()]);
  },
  async unfold({ words }) {
    const folded = page.locator('details').filter({ hasText: words }).first();
    if ((await folded.getAttribute('open')) === null) await folded.locator('summary').click();
  },
  async type({ into, text }) {
    await page.getByLabel(into).first().fill(text);
  },
  async read({ until }) {
    await page.getByText(until).first().waitFor();
  },
  async 'sign-in'({ as }) {
    // Whoever is signed in there already is sent on at once.
    if (!inspector.isProvider(page.url())) return;
    await page.fill('input[name=login]', as);
    await page.fill('input[name=password]', 'any password will do');
    await Promise.all([arrival(), page.click('button[type=submit]')]);
    await settle();
    // A consent that was given once is remembered.
    if (inspector.isProvider(page.url())) await Promise.all([arrival(), page.click('button[type=submit]')]);
  },
  async refuse() {
    await Promise.all([arrival(), page.getByText('Cancel').click()]);
  },
  async 'stop-at'({ url }) {
    // Playwright's own routes leave redirects alone, and a way back is one.
    const devtools = await machine.newCDPSession(page);
    devtools.on('Fetch.requestPaused', ({ requestId }) => {
      devtools.send('Fetch.failRequest', { requestId, errorReason: 'BlockedByClient' }).catch(() => {});
    });
    await devtools.send('Fetch.enable', { patterns: [{ urlPattern: `${url}*` }] });
    inspector.stopped(url);
  },
  async picture({ folder, name }) {
    await inspector.picture(page, folder, name);
  },
  async provider({ origin }) {
    inspector.provider(origin);
  },
  async passkeys() {
    const devtools = await machine.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
        isUserVerified: true, automaticPresenceSimulation: true,
      },
    });
  },
};

// The next page, or, where the way ends at `stop-at`, the end of that way. A button of a script may lead nowhere.
async function arrival() {
  const settled = page.waitForNavigation({ waitUntil: 'load', timeout: 4_000 }).catch(() => {});
  const stopped = page.waitForEvent('requestfailed', { timeout: 4_000 }).catch(() => {});
  await Promise.race([settled, stopped]);
}

// Some pages only lead on to the next one, by themselves, in the middle of whatever is asked of them.
async function settle() {
  for (let tries = 0; tries < 100; tries += 1) {
    await page.waitForLoadState('load').catch(() => {});
    const html = await page.content().catch(() => undefined);
    if (html !== undefined && !/http-equiv="refresh"/i.test(html)) return;
    await new Promise((later) => setTimeout(later, 30));
  }
}

async function obey(order) {
  await orders[order.do](order);
  await settle();
  await inspector.inspect(page, scripts);
  const text = await page.locator('body').innerText().catch(() => '');
  return { ...inspector.report(), url: page.url(), title: await page.title().catch(() => ''), text };
}

await orders.machine({});
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
say({ ready: browser.version() });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  try {
    say(await obey(order));
  } catch (error) {
    const text = await page.locator('body').innerText({ timeout: 1_000 }).catch(() => '');
    say({ failed: `${line}: ${error.message.split('\n')[0]}`, ...inspector.report(), url: page.url(), text });
  }
}
await browser.close();
process.exit(0);
