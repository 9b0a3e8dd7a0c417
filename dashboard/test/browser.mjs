// A browser that notes everything that a page must not do.
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const base = process.env.DASHBOARD;

/** Debian's Chromium. As root, and in containers, it runs without its own sandbox. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

/** Opens a page of the dashboard. `faults` collects violations of the policy, errors, and requests to other hosts. */
export async function open(browser, { url = base, path = "#/", width = 1280, height = 900, dark = false, clock = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(url).origin });
  const page = await context.newPage();
  const faults = [];
  await page.exposeFunction("noteFault", (text) => faults.push(text));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => window.noteFault(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("console", (message) => {
    // A refusal of the API is an answer of this page's server, not a fault of the page.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(`console: ${message.text()}`);
  });
  page.on("request", (asked) => {
    const to = new URL(asked.url());
    if (to.protocol.startsWith("http") && to.host !== new URL(url).host) faults.push(`request to ${to.host}`);
  });
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.setDefaultTimeout(60_000);
  if (clock) await page.clock.install();
  await page.goto(`${url}${path}`);
  return { page, faults, context };
}

/** Findings of axe-core that are serious or critical. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
}

/** Opens another page of the dashboard and waits for its content. */
export async function visit(page, path) {
  await page.evaluate((hash) => { location.hash = hash; }, path);
  await page.waitForFunction(() => !document.querySelector(".empty")?.textContent?.startsWith("Loading"));
  await page.waitForTimeout(150);
}

/** Logs in with a key, and waits for the first page. */
export async function enter(page, key, heading) {
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
}

/** The header fields with which the page is in its session: its cookie, which scripts cannot read, and its token. */
export async function sessionOf(page) {
  const cookies = await page.context().cookies();
  const { token } = await page.evaluate(() => JSON.parse(sessionStorage.getItem("zkflow-token")));
  return { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "), "x-csrf-token": token };
}

/** What the first load of the overview transferred, with its data: bytes as they came, head and body, and decoded; milliseconds until the first paint. */
export async function firstLoad(page) {
  await page.getByRole("heading", { name: "Queues" }).waitFor();
  const { entries, paint } = await page.evaluate(() => ({
    entries: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
      .map(({ name, transferSize, decodedBodySize }) => ({ name, transferSize, decodedBodySize })),
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  }));
  const sum = (field) => entries.reduce((all, entry) => all + entry[field], 0);
  return { names: entries.map(({ name }) => name), transferred: sum("transferSize"), decoded: sum("decodedBodySize"), paint };
}

/** A server with one page that does nothing: another origin of the same site, whose requests have the cookie. */
export function foreign() {
  const server = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<title>foreign</title>"));
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** A proxy that serves the server under a base path. */
export function under(prefix, target) {
  const server = createServer((asked, answer) => {
    if (!asked.url.startsWith(prefix)) return answer.writeHead(404).end();
    const { hostname, port } = new URL(target);
    const path = asked.url.slice(prefix.length - 1);
    const forward = request({ hostname, port, path, method: asked.method, headers: asked.headers }, (reply) => {
      answer.writeHead(reply.statusCode, reply.headers);
      reply.pipe(answer);
    });
    asked.pipe(forward);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
