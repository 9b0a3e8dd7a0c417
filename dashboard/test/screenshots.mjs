// Writes the pictures of docs/dashboard/.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { base, firstLoad, launch, open, visit } from "./browser.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/dashboard/", import.meta.url));
const { DASHBOARD_DEPLOYMENT: deployment, DASHBOARD_PROOF: proof, DASHBOARD_FAILED: failed, DASHBOARD_CIRCUIT: circuit, DASHBOARD_CEREMONY: ceremony } = process.env;
const PAGES = [
  ["overview", "#/"],
  ["circuits", "#/circuits"],
  ["circuit", `#/circuits/${circuit}`],
  ["deployment", `#/circuits/${circuit}/deployments/${deployment}`],
  ["proofs", "#/proofs"],
  ["prove", `#/prove?circuitId=${circuit}`],
  ["proof", `#/proofs/${proof}`],
  ["failed-proof", `#/proofs/${failed}`],
  ["jobs", "#/jobs?queue=key-generation&state=dead"],
  ["ceremonies", "#/ceremonies"],
  ["ceremony", `#/ceremonies/${ceremony}`],
  ["usage", "#/usage"],
  ["webhooks", "#/webhooks"],
  ["tenants", "#/tenants"],
  ["audit-log", "#/audit"],
];

const browser = await launch();
await measure(11);
mkdirSync(FOLDER, { recursive: true });
const shoot = async (page, name) => page.screenshot({ path: `${FOLDER}${name}.png`, fullPage: false });
for (const dark of [false, true]) {
  const suffix = dark ? "dark" : "light";
  const { page, context } = await open(browser, { dark, height: 960 });
  await page.getByRole("heading", { name: "Queues" }).waitFor();
  for (const [name, path] of PAGES) {
    await visit(page, path);
    if (name === "overview") await page.getByRole("button", { name: "Day" }).click();
    await page.waitForTimeout(400);
    await shoot(page, `${name}-${suffix}`);
  }
  await context.close();
  const guarded = await open(browser, { dark, url: process.env.DASHBOARD_GUARDED, height: 960 });
  await guarded.page.getByLabel("Key", { exact: true }).waitFor();
  await shoot(guarded.page, `login-${suffix}`);
  await guarded.page.getByLabel("Key", { exact: true }).fill(process.env.DASHBOARD_ADMIN_KEY);
  await guarded.page.getByRole("button", { name: "Continue" }).click();
  await guarded.page.getByRole("link", { name: "Keys", exact: true }).click();
  await guarded.page.getByRole("heading", { name: "All keys" }).waitFor();
  await guarded.page.waitForTimeout(400);
  await shoot(guarded.page, `keys-${suffix}`);
  await guarded.context.close();
  const narrow = await open(browser, { dark, width: 390, height: 844 });
  await narrow.page.getByRole("heading", { name: "Queues" }).waitFor();
  for (const [name, path] of PAGES.filter(([name]) => ["overview", "circuit", "proof", "jobs"].includes(name))) {
    await visit(narrow.page, path);
    await narrow.page.waitForTimeout(400);
    await shoot(narrow.page, `narrow-${name}-${suffix}`);
  }
  await narrow.context.close();
}
await browser.close();

/** Prints what first loads of the overview transfer, and the time until they paint: medians and the slowest. */
async function measure(rounds) {
  const loads = [];
  for (let round = 0; round < rounds; round += 1) {
    const { page, context } = await open(browser);
    loads.push(await firstLoad(page));
    await context.close();
  }
  const sorted = (field) => loads.map((load) => load[field]).sort((one, other) => one - other);
  const median = (field) => Math.round(sorted(field)[rounds >> 1]);
  console.log(`first load of the overview: ${median("transferred")} bytes transferred, ${median("decoded")} decoded; ` +
    `first paint after ${median("paint")} ms, at most ${Math.round(sorted("paint").at(-1))} ms, of ${rounds} loads`);
}

// Small files, where Debian's pngquant is installed.
const pictures = readdirSync(FOLDER).map((name) => FOLDER + name);
spawnSync("pngquant", ["--force", "--ext", ".png", "--speed", "1", "32", ...pictures]);
console.log(`pictures of ${base} in ${FOLDER}`);
