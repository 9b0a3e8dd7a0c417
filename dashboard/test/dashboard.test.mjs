// The dashboard in a browser, against a real server; a Rust test starts both.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { axe, base, enter, firstLoad, foreign, launch, open, sessionOf, under, visit } from "./browser.mjs";

const HUGE = "21888242871839275222246405745257275088548364400416034343698204186575808495616";
const env = (name) => process.env[name] ?? assert.fail(`${name} is not set`);
let browser;
let circuit;
let ceremony;
let failed;
const all = [];

before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

async function opened(options) {
  const made = await open(browser, options);
  all.push(made.faults);
  return made;
}

const status = (page, text) => page.locator(".title .badge", { hasText: text }).waitFor({ timeout: 180_000 });

test("a newcomer builds a circuit, proves and verifies", async () => {
  const { page, context } = await opened({ path: "#/circuits" });
  await page.getByLabel("Template of the circuit").selectOption("rangeCheck");
  await page.getByRole("button", { name: "Use the example" }).click();
  await page.getByLabel("bits", { exact: true }).fill("8");
  await page.getByRole("button", { name: "Build" }).click();
  await status(page, "ready");
  circuit = page.url().split("/").at(-1);
  assert.match(circuit, /^[0-9a-f]{32}$/);
  assert.ok(await page.getByText("single-operator", { exact: true }).first().isVisible());

  await page.getByRole("button", { name: "Use the example" }).click();
  await page.getByRole("button", { name: "Prove" }).click();
  await status(page, "completed");
  assert.equal(await page.locator(".signals code").first().textContent(), "7");
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("The proof is valid.").waitFor();
  await page.getByLabel("Calldata", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Copy proof.json" }).click();
  const proof = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(JSON.parse(proof).protocol, "groth16");

  // The same proof, pasted on the page of its circuit, with the right and with a wrong signal.
  await page.getByRole("link", { name: "Make another proof with this circuit" }).click();
  await page.getByLabel("proof.json").fill(proof);
  await page.getByLabel("public.json").fill('["7"]');
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("The proof is valid.").waitFor();
  await page.getByLabel("public.json").fill('["8"]');
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("The proof is not valid").waitFor();
  await context.close();
});

test("the first proof takes the steps that the documentation counts", async () => {
  const text = await readFile(new URL("../../docs/dashboard.md", import.meta.url), "utf8");
  const table = text.split("## A first proof")[1].split("\n## ")[0];
  const steps = [...table.matchAll(/^\| (\d+) \| \*([^*]+)\* \|/gm)].map(([, number, name]) => [Number(number), name]);
  assert.deepEqual(steps.map(([number]) => number), [1, 2, 3, 4, 5, 6]);
  assert.match(table, /^\s*Six clicks/);
  const { page, context } = await opened();
  let clicks = 0;
  await page.exposeFunction("noteClick", () => { clicks += 1; });
  await page.evaluate(() => addEventListener("click", (event) => { if (event.isTrusted) window.noteClick(); }, true));
  const settled = { Build: "ready", Prove: "completed" };
  for (const [, name] of steps) {
    await page.getByRole("button", { name, exact: true }).or(page.getByRole("link", { name, exact: true })).click();
    if (settled[name]) await status(page, settled[name]);
  }
  await page.getByText("The proof is valid.").waitFor();
  assert.equal(clicks, steps.length);
  await context.close();
});

test("numbers keep every digit, typed and from a file", async () => {
  const { page, context } = await opened({ path: `#/circuits/${circuit}` });
  const form = page.locator("section", { has: page.getByRole("heading", { name: "New proof" }) });
  // Not a string in the file: a number that JavaScript cannot represent.
  await form.locator("input[type=file]").setInputFiles({
    name: "inputs.json", mimeType: "application/json", buffer: Buffer.from(`{"age": 42, "randomPublicSignal": ${HUGE}}`),
  });
  await page.waitForFunction((digits) => [...document.querySelectorAll("input")].some((input) => input.value === digits), HUGE);
  // A file that is dropped on the form does the same.
  const dropped = await page.evaluateHandle((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], "inputs.json", { type: "application/json" }));
    return data;
  }, '{"age": 43}');
  await form.locator(".drop").dispatchEvent("drop", { dataTransfer: dropped });
  await page.waitForFunction(() => [...document.querySelectorAll("input")].some((input) => input.value === "43"));
  assert.equal(await page.getByLabel("randomPublicSignal").inputValue(), HUGE, "what the file does not name is kept");
  await form.getByRole("button", { name: "Prove" }).click();
  await status(page, "completed");
  assert.equal(await page.locator(".signals code").first().textContent(), HUGE);
  await context.close();
});

test("what cannot be read is explained", async () => {
  const { page, context } = await opened({ path: "#/circuits" });
  const drop = (label) => page.locator(".drop", { has: page.getByLabel(label) }).locator("input");
  const json = (text) => ({ name: "some.json", mimeType: "application/json", buffer: Buffer.from(text) });
  const said = (text) => page.getByRole("alert").getByText(text).waitFor();
  await page.getByLabel("Template of the circuit").selectOption("batchRangeCheck");
  for (const text of ["null", "[1]", "{"]) {
    await drop("Or drop a JSON file with the parameters").setInputFiles([json(text)]);
    await said("no JSON object with the parameters");
  }
  await drop("Or drop a JSON file with the parameters").setInputFiles([json('{"n": 2, "limit": 3}')]);
  await said("the file has limit, which has no field here; there are ");
  await page.getByLabel("n", { exact: true }).fill("[1,2");
  await page.getByLabel("min", { exact: true }).fill("1");
  await page.getByLabel("max", { exact: true }).fill("2");
  await page.getByRole("button", { name: "Build" }).click();
  await said("n is not JSON");
  await visit(page, `#/circuits/${circuit}`);
  await drop("Or drop a JSON file with the inputs").setInputFiles([json(`{"age": ${" ".repeat(3 << 20)}1}`)]);
  await said("at most 2.0 MiB are taken");
  await drop("Or drop a JSON file with the inputs").setInputFiles([json('{"privateInputs": {"preimage": 42}, "publicInputs": {}}')]);
  await said("the file has preimage, which has no field here; there are ");
  await drop("Or drop both files here").setInputFiles([json("null")]);
  await said("is not JSON of a proof or of signals");
  await drop("Or drop both files here").setInputFiles([1, 2, 3, 4, 5].map(() => json("[]")));
  await said("5 files: at most 4 are taken");
  await context.close();
});

test("a server that does not answer at first is asked again", async () => {
  const { page, context } = await opened({ path: "#/circuits" });
  await page.route("**/v1/overview", (route) => route.abort());
  await page.reload();
  await page.getByRole("alert").getByText("The server does not answer.").waitFor();
  await page.unroute("**/v1/overview");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("link", { name: "Jobs", exact: true }).waitFor();
  await context.close();
});

test("a failing input and a wrong input are explained", async () => {
  const { page, context } = await opened({ path: `#/circuits/${circuit}` });
  await page.getByLabel("age", { exact: true }).fill("200");
  await page.getByLabel("randomPublicSignal").fill("7");
  await page.getByLabel("User", { exact: true }).fill("<img/src=x/onerror=alert(1)>");
  await page.getByRole("button", { name: "Prove" }).click();
  await status(page, "failed");
  assert.match(await page.getByRole("alert").textContent(), /^constraint_failed/);
  assert.ok(await page.getByText("<img/src=x/onerror=alert(1)>").isVisible(), "the user is shown as text");
  assert.equal(await page.locator("main img").count(), 0);

  await visit(page, `#/circuits/${circuit}`);
  await page.getByLabel("age", { exact: true }).fill("forty");
  await page.getByLabel("randomPublicSignal").fill("7");
  await page.getByRole("button", { name: "Prove" }).click();
  await page.getByRole("alert").getByText("privateInputs.age").first().waitFor();
  await context.close();
});

test("a dead letter is repeated, a failure deleted, a queue paused", async () => {
  const dead = env("DASHBOARD_DEAD");
  const { page, context } = await opened({ path: "#/jobs?queue=key-generation&state=dead" });
  await page.getByText("<b>out of memory</b>").or(page.getByText("the work panicked")).first().waitFor();
  assert.equal(await page.locator("main td b").count(), 0);
  await page.getByLabel(`Select ${dead}`).check();
  await page.getByRole("button", { name: "Retry 1" }).click();
  await page.getByRole("dialog").getByText("Retry 1 jobs?").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Retry 1" }).click();
  await page.getByText("1 retried").waitFor();
  // The letter of a repeated job is gone; another one is removed, and its circuit stays.
  await page.getByLabel(`Select ${dead}`).waitFor({ state: "detached" });
  const other = env("DASHBOARD_OTHER_DEAD");
  await page.getByLabel(`Select ${other}`).check();
  await page.getByRole("button", { name: "Remove 1 from the dead letters" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove 1 from the dead letters" }).click();
  await page.getByText("1 dead letters removed").waitFor();
  await page.getByLabel(`Select ${other}`).waitFor({ state: "detached" });
  await visit(page, `#/circuits/${other}`);
  await status(page, "failed");
  await visit(page, `#/circuits/${dead}`);
  await status(page, "ready");

  await visit(page, "#/jobs");
  const rows = page.locator("section").nth(1).locator("tbody tr");
  await rows.first().waitFor();
  const first = rows.first().getByRole("checkbox");
  const label = await first.getAttribute("aria-label");
  await first.check();
  await page.getByRole("button", { name: "Delete 1" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete 1" }).click();
  await page.getByText("1 deleted").waitFor();
  await page.getByLabel(label, { exact: true }).waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Pause deploy" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause deploy" }).click();
  await page.getByRole("button", { name: "Resume deploy" }).click();
  await page.getByRole("button", { name: "Pause deploy" }).waitFor();
  await context.close();
});

test("a deployment links to the explorer of its chain, if the chain has one", async () => {
  const { page, context } = await opened({ path: `#/circuits/${env("DASHBOARD_CIRCUIT")}` });
  const row = (byte) => page.getByRole("region", { name: "Deployments" }).getByRole("row").filter({ hasText: `0x${byte.repeat(20)}` });
  const link = row("11").locator("a[target]");
  await link.waitFor();
  assert.equal(await link.getAttribute("href"), `https://sepolia.etherscan.io/address/0x${"11".repeat(20)}`);
  assert.deepEqual((await link.getAttribute("rel")).split(" ").sort(), ["noopener", "noreferrer"]);
  assert.equal(await link.getAttribute("target"), "_blank");
  assert.equal(await row("22").getByText("31337").count(), 1);
  assert.equal(await row("22").locator("a[target]").count(), 0);
  await row("11").locator(`a[href^="#/circuits/${env("DASHBOARD_CIRCUIT")}/deployments/"]`).click();
  await status(page, "confirmed");
  const made = page.locator("section", { has: page.getByRole("heading", { name: "Contract" }) });
  await made.getByText("400,123").waitFor();
  assert.equal(await page.locator(".timeline li:not(.over)").count(), 0);
  await context.close();
});

test("the job of a deployment leads to its page, with its error and its transaction", async () => {
  const id = env("DASHBOARD_DEPLOYMENT");
  const { page, context } = await opened({ path: "#/jobs?queue=deploy&state=failed" });
  await page.locator(`a[href="#/circuits/${env("DASHBOARD_CIRCUIT")}/deployments/${id}"]`).click();
  await status(page, "failed");
  await page.getByRole("alert").getByText("transaction_failed").waitFor();
  const hash = page.getByRole("link", { name: `0x${"33".repeat(32)}` });
  assert.equal(await hash.getAttribute("href"), `https://sepolia.etherscan.io/tx/0x${"33".repeat(32)}`);
  await visit(page, `#/circuits/${env("DASHBOARD_CIRCUIT")}/deployments/00000000-0000-0000-0000-000000000000`);
  await page.getByText("deployment_not_found").waitFor();
  await context.close();
});

test("the overview shows the space of a disk, and a queue drains until its last job ends", async () => {
  const { page, context } = await opened();
  // Only this answer is altered: a queue of a real server cannot be held at a running job.
  let running = 1;
  await page.route("**/v1/overview", async (route) => {
    const answer = await route.fetch();
    const state = await answer.json();
    state.disks = [{ folder: "data", freeBytes: 3 * 2 ** 30, totalBytes: 8 * 2 ** 30 }];
    state.queues = state.queues.map((queue) => (queue.queue === "deploy" ? { ...queue, paused: true, leased: running } : queue));
    await route.fulfill({ response: answer, json: state });
  });
  await page.reload();
  const disk = page.locator("section", { has: page.getByRole("heading", { name: "Disks" }) });
  await disk.getByText("free for data").waitFor();
  assert.match(await disk.textContent(), /free for data\s*3\.0 GiB of 8\.0 GiB/);
  await visit(page, "#/jobs");
  const queue = page.getByRole("region", { name: "Queues" }).getByRole("row").filter({ hasText: "Resume deploy" });
  await queue.getByText("draining", { exact: true }).waitFor();
  running = 0;
  await queue.getByText("paused", { exact: true }).waitFor();
  assert.equal(await queue.getByText("draining").count(), 0);
  await context.close();
});

test("circuits are searched by the server", async () => {
  const { page, context } = await opened({ path: "#/circuits" });
  const link = page.locator(`tbody a[href="#/circuits/${circuit}"]`);
  const one = () => page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await link.waitFor();
  const search = page.getByLabel("Name, id or hash");
  await search.fill("MERKLE");
  await page.getByText("No circuit fits.").waitFor();
  await search.fill(circuit.slice(0, 12).toUpperCase());
  await one();
  await link.waitFor();
  await page.getByLabel("Provenance", { exact: true }).selectOption("ceremony");
  await page.getByText("No circuit fits.").waitFor();
  await page.getByLabel("Provenance", { exact: true }).selectOption("single-operator");
  await one();
  await search.fill("RangeCh");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 1);
  assert.equal(await page.getByLabel("Tenant", { exact: true }).count(), 0, "without authentication there is one tenant");
  await context.close();
});

test("a circuit is compared with another one of its template, down to the source", async () => {
  // The two have equal counts.
  const { page, context } = await opened({ path: `#/circuits/${circuit}` });
  await page.getByLabel("With another circuit of the template").selectOption(env("DASHBOARD_DEAD"));
  const table = page.getByRole("region", { name: "Comparison" });
  await table.waitFor();
  const differs = async (name) => {
    const row = table.locator("tr", { has: page.getByRole("rowheader", { name, exact: true }) });
    return await row.getAttribute("class") === "differs";
  };
  for (const name of ["wires", "non-linear constraints", "public inputs", "parameter bits", "keys"]) assert.equal(await differs(name), false, name);
  for (const name of ["circuit hash", "parameter max", "SHA-256 of circuit.circom", "SHA-256 of proving_key.zkey"]) assert.equal(await differs(name), true, name);
  const source = page.getByRole("region", { name: "Difference of the sources" });
  const main = (numbers) => `component main {public [randomPublicSignal]} = RangeCheck(${numbers});`;
  assert.deepEqual(await source.locator("del").allTextContents(), [`− ${main("18, 120, 8")}`]);
  assert.deepEqual(await source.locator("ins").allTextContents(), [`+ ${main("1, 99, 8")}`]);
  assert.ok(await source.locator("span").count() <= 5, "equal lines are left out");
  assert.deepEqual(await axe(page), []);
  await context.close();
});

test("everything that matches is repeated or deleted, beyond the first page", async () => {
  const { page, context } = await opened({ path: "#/jobs?queue=proof-generation&state=failed" });
  const rows = page.locator("section").nth(1).locator("tbody tr");
  await rows.first().waitFor();
  assert.equal(await rows.count(), 50, "one page");
  await page.getByLabel("Containing", { exact: true }).fill("line ");
  await page.waitForResponse((answer) => answer.url().includes("/v1/jobs?"));
  await page.waitForTimeout(100);
  assert.equal(await page.getByLabel("Containing", { exact: true }).inputValue(), "line ", "a refresh keeps the typed text");
  const field = async (name, value) => {
    await page.getByLabel(name, { exact: true }).fill(value);
    await page.getByLabel(name, { exact: true }).press("Enter");
  };
  await field("Tenant", "another");
  await page.getByText("There are none.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Delete all that match" }).isDisabled());
  await field("Tenant", "default");
  await field("Error code", "constraint_failed");
  await field("Containing", "LINE 29");
  await rows.first().waitFor();
  assert.ok(await page.getByRole("button", { name: "Retry all that match" }).isDisabled(), "the inputs are destroyed");
  await page.getByRole("button", { name: "Delete all that match" }).click();
  const dialog = page.getByRole("dialog");
  const chosen = Number((await dialog.textContent()).match(/the (\d+) jobs/)[1]);
  assert.ok(chosen > 50, `${chosen} are chosen`);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Delete all that match" }).click();
  await dialog.getByRole("button", { name: "Delete all that match" }).click();
  await page.getByText(`${chosen} deleted`).waitFor();
  await page.getByText("There are none.").waitFor();
  // A failure with another code is still there.
  await field("Error code", "circuit_gone");
  await field("Containing", "");
  await rows.first().waitFor();

  await page.getByLabel("Queue", { exact: true }).selectOption("key-generation");
  await field("Error code", "compiler_failed");
  await rows.first().waitFor();
  const failed = await rows.count();
  assert.ok(failed > 1, `${failed} circuits have failed`);
  await page.getByRole("button", { name: "Retry all that match" }).click();
  await dialog.getByText(`Retry the ${failed} jobs that match?`).waitFor();
  await dialog.getByRole("button", { name: "Retry all that match" }).click();
  await page.getByText(`${failed} retried`).waitFor();
  await page.getByText("There are none.").waitFor();
  await context.close();
});

test("a delayed proof says why it waits, and requests are searched by code and time", async () => {
  const { page, context } = await opened({ path: `#/proofs/${env("DASHBOARD_DELAYED")}` });
  await page.getByText("proof_does_not_fit").first().waitFor();
  const attempts = page.getByRole("region", { name: "Attempts" }).locator("tbody tr");
  assert.equal(await attempts.count(), 2);
  assert.match(await attempts.nth(0).textContent(), /^1.*witness.*panic$/);
  assert.match(await attempts.nth(1).textContent(), /^2.*witness.*proof_does_not_fit$/);
  await visit(page, "#/proofs");
  const rows = page.locator("tbody tr");
  await rows.first().waitFor();
  await page.getByLabel("Error code").fill("circuit_gone");
  await page.getByLabel("Error code").press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  assert.match(await rows.first().textContent(), /circuit_gone/);
  await page.getByLabel("Since").fill("2999-01-01T00:00");
  await page.getByText("No request fits.").waitFor();
  await page.getByLabel("Since").fill("");
  await page.getByLabel("Until").fill("2999-01-01T00:00");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await page.getByLabel("Until").fill("2000-01-01T00:00");
  await page.getByText("No request fits.").waitFor();
  await page.getByLabel("Open by id").fill(env("DASHBOARD_PROOF"));
  await page.getByLabel("Open by id").press("Enter");
  await status(page, "completed");
  await context.close();
});

test("the workers of all processes are shown, the lost ones too", async () => {
  const { page, context } = await opened();
  const section = page.locator("section", { has: page.getByRole("heading", { name: "Workers" }) });
  await section.getByText("alive", { exact: true }).first().waitFor();
  assert.match(await section.textContent(), /proof-generation \d+/);
  assert.match(await section.textContent(), /portable|ifma/);
  await context.close();
});

test("a circuit of one's own is imported from its source, and proves", async () => {
  const { page, context } = await opened({ path: "#/circuits" });
  const form = page.locator("section", { has: page.getByRole("heading", { name: "Import a circuit" }) });
  const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  const include = file("product.circom", "pragma circom 2.1.0; template Product() { signal input a; signal input b; signal output c; c <== a * b; }");
  const main = file("main.circom", 'pragma circom 2.1.0; include "product.circom"; component main = Product();');
  await form.locator("input[type=file]").setInputFiles([include, main, file("notes.txt", "x")]);
  await form.getByText("notes.txt: expected a name that ends with").waitFor();
  await form.getByLabel("Main file").selectOption("main.circom");
  await form.getByRole("button", { name: "Import" }).click();
  await status(page, "ready");
  await page.getByLabel("a", { exact: true }).fill("3");
  await page.getByLabel("b", { exact: true }).fill("11");
  await page.getByRole("button", { name: "Prove" }).click();
  await status(page, "completed");
  assert.equal(await page.locator(".signals code").first().textContent(), "33");

  // A part that is lost on its way: the import goes on with what is missing.
  await visit(page, "#/circuits");
  const sent = [];
  page.on("request", (asked) => { if (asked.method() === "PUT") sent.push(asked.url().split("/files/")[1]); });
  await page.route("**/files/1/parts/0", (route) => route.abort());
  await form.locator("input[type=file]").setInputFiles([
    include, file("main.circom", 'pragma circom 2.1.0; include "product.circom"; component main {public [a]} = Product();'),
  ]);
  await form.getByLabel("Main file").selectOption("main.circom");
  await form.getByRole("button", { name: "Import" }).click();
  await form.getByRole("alert").waitFor();
  await page.unroute("**/files/1/parts/0");
  await form.getByRole("button", { name: "Continue" }).click();
  await status(page, "ready");
  assert.equal(sent.filter((part) => part === "0/parts/0").length, 1, "the part that arrived is not sent again");
  // A file that is not what its name says.
  await visit(page, "#/circuits");
  await page.getByRole("table").getByText("imported main.circom").first().waitFor();
  await form.locator("input[type=file]").setInputFiles([file("broken.r1cs", "r1cs?"), file("ceremony.json", "{}")]);
  await form.getByText("Missing: .wasm, .sym, .zkey, or the source.").waitFor();
  assert.ok(await form.getByRole("button", { name: "Import" }).isDisabled());
  await form.getByRole("button", { name: "Remove ceremony.json" }).click();
  await form.locator("input[type=file]").setInputFiles([include, main]);
  await form.getByLabel("Main file").selectOption("main.circom");
  await form.getByRole("button", { name: "Import" }).click();
  await status(page, "failed");
  await page.getByRole("alert").getByText("malformed_file").waitFor();
  await context.close();
});

test("a ceremony is announced", async () => {
  const { page, context } = await opened({ path: `#/ceremonies?circuitId=${circuit}` });
  await page.getByLabel("Least number of contributions").fill("1");
  const later = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 16);
  await page.getByLabel("Deadline").fill(later(2));
  await page.getByLabel("Time of the beacon").fill(later(3));
  await page.getByLabel("Source of the beacon").fill("drand, round 99");
  await page.getByRole("button", { name: "Announce" }).click();
  await status(page, "open");
  ceremony = page.url().split("/").at(-1);
  assert.match(await page.locator("pre").first().textContent(), new RegExp(`^zkflow contribute http://.*/v1/ceremonies/${ceremony}$`));
  assert.ok(await page.getByText("drand, round 99").first().isVisible());
  await visit(page, "#/ceremonies");
  await page.locator(`a[href="#/ceremonies/${ceremony}"]`).waitFor();
  await context.close();
});

test("webhooks are set, rotated and deleted", async () => {
  const { page, context } = await opened({ path: "#/webhooks" });
  await page.getByLabel("Address").fill("ftp://app.example/");
  await page.getByRole("button", { name: "Set" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Address").fill("http://127.0.0.1:9/hooks");
  await page.getByRole("button", { name: "Set" }).click();
  const secret = () => page.getByRole("status").locator("code").textContent();
  const first = await secret();
  assert.match(first, /^whsec_/);
  await page.getByRole("button", { name: "Hide" }).click();
  await page.getByRole("button", { name: "Rotate the secret" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate the secret" }).click();
  await page.getByText("2 sign").waitFor();
  assert.notEqual(await secret(), first);
  await page.getByRole("button", { name: "Delete the receiver" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the receiver" }).click();
  await page.getByRole("button", { name: "Set" }).waitFor();
  await context.close();
});

test("usage and changes are shown", async () => {
  const { page, context } = await opened({ path: "#/usage" });
  await page.locator(`tr a[href="#/circuits/${circuit}"]`).first().waitFor();
  await visit(page, `#/circuits/${circuit}`);
  const used = page.locator("section", { has: page.getByRole("heading", { name: "Usage" }) });
  await used.getByText(/^[1-9]\d*, and [1-9]\d* failed$/).waitFor();
  assert.match(await used.textContent(), /size of the files[\d.]+ [KM]iB/);
  await visit(page, "#/usage");
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download as CSV" }).click();
  assert.match((await downloading).suggestedFilename(), /^usage-.*\.csv$/);
  await page.getByLabel("First day").fill("2020-01-01");
  await page.getByLabel("Last day").fill("2020-01-02");
  await page.getByText("Nothing was used on these days.").waitFor();

  await visit(page, "#/tenants");
  const own = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "default", exact: true }) });
  await own.getByText(/\d+ proofs, \d+ circuits/).waitFor();
  await visit(page, "#/audit");
  await page.getByRole("cell", { name: "circuit.build" }).first().waitFor();
  await page.getByLabel("Containing").fill("webhooks.rotate");
  await page.getByRole("cell", { name: "webhooks.rotate" }).waitFor();
  assert.equal(await page.getByRole("cell", { name: "circuit.build" }).count(), 0);
  await context.close();
});

test("the page of a failed proof names template and line", async () => {
  const { page, context } = await opened({ path: `#/prove?circuitId=${circuit}` });
  await page.getByLabel("age", { exact: true }).fill("200");
  await page.getByLabel("randomPublicSignal").fill("7");
  await page.getByRole("button", { name: "Prove" }).click();
  await status(page, "failed");
  failed = page.url().split("/").at(-1);
  assert.match(await page.getByRole("alert").textContent(), /constraint_failed[^]*template \w+, line \d+/);
  const attempt = page.getByRole("region", { name: "Attempts" }).locator("tbody tr");
  assert.match(await attempt.first().textContent(), /constraint_failed$/);
  await context.close();
});

const PAGES = () => [
  "#/", "#/circuits", `#/circuits/${circuit}`, `#/circuits/${env("DASHBOARD_CIRCUIT")}/deployments/${env("DASHBOARD_DEPLOYMENT")}`, "#/proofs", `#/proofs/${env("DASHBOARD_PROOF")}`, `#/proofs/${failed}`,
  "#/prove", "#/jobs", "#/jobs?queue=key-generation&state=dead",
  "#/ceremonies", `#/ceremonies/${ceremony}`, "#/usage", "#/webhooks", "#/tenants", "#/audit",
];

/** Fails if the page is wider than its window, or has a serious finding of axe. */
async function fits(page, path) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${path} is ${over} pixels too wide`);
  assert.deepEqual(await axe(page), [], path);
}

for (const dark of [false, true]) {
  for (const width of [1280, 390]) {
    test(`every page is accessible and fits: ${dark ? "dark" : "light"}, ${width} pixels`, async () => {
      const guarded = await opened({ dark, width, url: env("DASHBOARD_GUARDED") });
      await guarded.page.getByLabel("Key", { exact: true }).waitFor();
      await fits(guarded.page, "the login");
      await guarded.page.getByLabel("Key", { exact: true }).fill("zk_wrong");
      await guarded.page.getByRole("button", { name: "Continue" }).click();
      await guarded.page.getByRole("alert").waitFor();
      await fits(guarded.page, "a refused login");
      await guarded.page.getByLabel("Key", { exact: true }).fill(env("DASHBOARD_ADMIN_KEY"));
      await guarded.page.getByRole("button", { name: "Continue" }).click();
      await guarded.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
      for (const path of ["#/keys", "#/tenants", "#/audit"]) {
        await visit(guarded.page, path);
        await fits(guarded.page, path);
      }
      await guarded.context.close();

      const { page, context } = await opened({ dark, width });
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      const [r] = (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/g).map(Number);
      assert.equal(r < 128, dark);
      for (const path of PAGES()) {
        await visit(page, path);
        await fits(page, path);
      }
      await context.close();
    });
  }
}

test("the keyboard is enough", async () => {
  const { page, context } = await opened({ path: "#/jobs" });
  await page.getByRole("button", { name: "Pause cleanup" }).waitFor();
  // The first stop of the page leads to its content.
  await page.locator("a").first().focus();
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await page.getByRole("button", { name: "Pause cleanup" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), /Pause cleanup/);
  await context.close();
});

test("the keyboard leads from the first page to a verified proof", async () => {
  const { page, context } = await opened();
  const focused = () => page.evaluate(() => {
    const { activeElement: at } = document;
    return at && at.matches("a, button") ? at.textContent : null;
  });
  /** Moves the focus on to a link or a button, and presses it. */
  const press = async (name) => {
    for (let stops = 0; await focused() !== name; stops += 1) {
      assert.ok(stops < 100, `no stop is ${name}`);
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
  };
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await press("Circuits");
  await page.getByRole("button", { name: "Build", exact: true }).waitFor();
  await press("Use the example");
  await press("Build");
  await status(page, "ready");
  await page.getByRole("button", { name: "Use the example" }).waitFor();
  await press("Use the example");
  await press("Prove");
  await status(page, "completed");
  await press("Verify");
  await page.getByText("The proof is valid.").waitFor();
  await context.close();
});

test("a proof is made and verified from the page of proofs, with a circuit that is chosen", async () => {
  const { page, context } = await opened({ path: "#/proofs" });
  await page.getByRole("link", { name: "Make or verify a proof" }).click();
  const choice = page.getByLabel("Circuit of the proof");
  await choice.selectOption(circuit);
  await page.waitForFunction((id) => location.hash.endsWith(`circuitId=${id}`), circuit);
  assert.equal(await page.title(), "Make or verify a proof - ZKFlow");
  await page.getByLabel("age", { exact: true }).fill("19");
  await page.getByLabel("randomPublicSignal").fill("5");
  await page.getByRole("button", { name: "Prove" }).click();
  await status(page, "completed");
  const [proof, signals] = [await page.getByLabel("proof.json").textContent(), await page.locator(".signals code").allTextContents()];
  await page.goBack();
  await page.getByLabel("proof.json").fill(proof);
  await page.getByLabel("public.json").fill(JSON.stringify(signals));
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("The proof is valid.").waitFor();
  await context.close();
});

test("the conditions of a list outlast a reload, and end with a click on its page", async () => {
  const { page, context } = await opened({ path: "#/proofs" });
  await page.getByLabel("Status").selectOption("failed");
  await page.waitForFunction(() => location.hash === "#/proofs?status=failed");
  await page.reload();
  const failed = page.locator("tbody tr").first();
  await failed.waitFor();
  assert.equal(await page.getByLabel("Status").inputValue(), "failed");
  await failed.getByRole("link").first().click();
  await status(page, "failed");
  await page.goBack();
  await failed.waitFor();
  assert.equal(await page.getByLabel("Status").inputValue(), "failed");
  await page.getByRole("link", { name: "Proofs", exact: true }).click();
  await page.waitForFunction(() => location.hash === "#/proofs");
  await page.waitForFunction(() => document.querySelector("main select").value === "");
  await context.close();
});

test("without a clipboard, a text is copied all the same", async () => {
  const { page, context } = await opened({ path: `#/proofs/${env("DASHBOARD_PROOF")}` });
  await page.getByRole("button", { name: "Copy public.json" }).waitFor();
  await page.evaluate(() => { navigator.clipboard.writeText = () => Promise.reject(new Error("no clipboard")); });
  await page.getByRole("button", { name: "Copy public.json" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const signals = await page.locator(".signals code").allTextContents();
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), signals);
  await context.close();
});

test("the colours can be chosen, and are remembered", async () => {
  const { page, context } = await opened();
  const dark = () => page.evaluate(() => Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]) < 128);
  await page.getByRole("button", { name: "Use dark colours" }).click();
  assert.equal(await dark(), true);
  await page.reload();
  await page.getByRole("button", { name: "Use light colours" }).click();
  assert.equal(await dark(), false);
  await context.close();
});

test("it works under a base path", async () => {
  const proxy = await under("/tools/zkflow/", base);
  const { page, context } = await opened({ url: `http://127.0.0.1:${proxy.address().port}/tools/zkflow/`, path: "#/circuits" });
  await page.getByRole("link", { name: "Circuits" }).waitFor();
  await page.locator(`a[href="#/circuits/${circuit}"]`).waitFor();
  await context.close();
  proxy.close();
});

test("with authentication, a key opens what its permissions allow", async () => {
  const url = env("DASHBOARD_GUARDED");
  const { page, context } = await opened({ url });
  await page.getByLabel("Key", { exact: true }).fill("zk_wrong");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").waitFor();
  await enter(page, env("DASHBOARD_TENANT_KEY"), "Circuits");
  assert.equal(await page.getByLabel("Tenant", { exact: true }).count(), 0);
  for (const name of ["Overview", "Jobs", "Webhooks", "Tenants", "Audit log", "Keys"]) assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0, name);

  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Key", { exact: true }).fill(env("DASHBOARD_ADMIN_KEY"));
  await page.getByRole("button", { name: "Continue" }).click();
  // An operator lists the circuits of other tenants.
  await page.getByRole("link", { name: "Circuits", exact: true }).click();
  await page.getByLabel("Tenant", { exact: true }).fill("*");
  await page.getByText("No circuit fits.").waitFor();
  await page.getByLabel("Tenant", { exact: true }).fill("No tenant");
  await page.getByRole("alert").getByText("invalid_query").waitFor();
  await page.getByRole("link", { name: "Keys", exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("CI");
  await page.getByRole("button", { name: "Make a key" }).click();
  const made = await page.getByRole("status").locator("code").textContent();
  assert.match(made, /^zk_[0-9a-f]{64}$/);
  assert.deepEqual(await axe(page), []);
  const answers = async (key) => (await fetch(new URL("v1/circuits", url), { headers: { authorization: `Bearer ${key}` } })).status;
  const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "CI", exact: true }) });
  const confirmed = async (name) => {
    await row.getByRole("button", { name }).click();
    await page.getByRole("dialog").getByRole("button", { name }).click();
  };
  assert.equal(await answers(made), 200);
  await confirmed("Rotate");
  await page.waitForFunction((old) => document.querySelector("[role=status] code").textContent !== old, made);
  const rotated = await page.getByRole("status").locator("code").textContent();
  assert.deepEqual([await answers(made), await answers(rotated)], [401, 200]);
  await confirmed("Revoke");
  await row.getByRole("button", { name: "Revoke" }).waitFor({ state: "detached" });
  assert.equal(await answers(rotated), 401);
  await context.close();
});

test("the key is kept nowhere, and its session outlasts a reload in every tab", async () => {
  const url = env("DASHBOARD_GUARDED");
  const { page, context } = await opened({ url });
  const key = env("DASHBOARD_TENANT_KEY");
  await enter(page, key, "Circuits");
  const nowhere = async (of) => {
    const places = await of.evaluate(() => {
      const inputs = [...document.querySelectorAll("input")].map(({ value }) => value);
      return [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href, document.documentElement.outerHTML, ...inputs].join(" ");
    });
    assert.ok(!places.includes(key.slice(3, 20)), places);
    // Nor can a script read the cookie.
    for (const { value } of await context.cookies()) assert.ok(value.length === 64 && !places.includes(value), places);
  };
  await nowhere(page);
  const [cookie, ...further] = await context.cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path, further.length], ["zkflow-session", true, "Strict", "/", 0]);
  const sent = [];
  page.on("request", (asked) => sent.push(asked));
  await page.reload();
  await page.getByRole("heading", { name: "Circuits", level: 1 }).waitFor();
  await nowhere(page);
  for (const asked of sent) assert.equal((await asked.allHeaders()).authorization, undefined, asked.url());
  // Another tab has the same session, and its end.
  const other = await context.newPage();
  await other.goto(`${url}#/circuits`);
  await other.getByRole("heading", { name: "Circuits", level: 1 }).waitFor();
  await nowhere(other);
  await other.getByRole("button", { name: "Log out" }).click();
  for (const tab of [page, other]) await tab.getByLabel("Key", { exact: true }).waitFor();
  await context.close();
});

test("a logout ends the session on the server", async () => {
  const url = env("DASHBOARD_GUARDED");
  const { page, context } = await opened({ url });
  await enter(page, env("DASHBOARD_TENANT_KEY"), "Circuits");
  const headers = await sessionOf(page);
  const answered = async () => (await fetch(new URL("v1/circuits", url), { headers })).status;
  assert.equal(await answered(), 200, "the cookie and the token are the session");
  const ended = page.waitForResponse((answer) => answer.request().method() === "DELETE");
  await page.getByRole("button", { name: "Log out" }).click();
  assert.equal((await ended).status(), 204);
  assert.equal(await answered(), 401);
  assert.deepEqual(await context.cookies(), []);
  await context.close();
});

test("another page cannot use the cookie", async () => {
  const url = env("DASHBOARD_GUARDED");
  const { page, context } = await opened({ url });
  await enter(page, env("DASHBOARD_TENANT_KEY"), "Circuits");
  const headers = await sessionOf(page);
  // Not even a request of this page counts without the token.
  const bare = await page.evaluate(async () => (await fetch("./v1/circuits", { credentials: "same-origin" })).status);
  assert.equal(bare, 401);
  const server = await foreign();
  const evil = await context.newPage();
  await evil.goto(`http://127.0.0.1:${server.address().port}/`);
  const statuses = [];
  evil.on("response", (answer) => { if (answer.url().startsWith(url)) statuses.push(answer.status()); });
  const fails = (init) => evil.evaluate(([to, init]) => fetch(to, init).then(() => false, () => true), [`${url}v1/session`, init]);
  assert.ok(await fails({ credentials: "include" }), "an answer is read");
  assert.ok(await fails({ credentials: "include", method: "POST" }), "an answer is read");
  for (const method of ["GET", "POST", "DELETE"]) {
    assert.ok(await fails({ credentials: "include", method, headers: { "x-csrf-token": headers["x-csrf-token"] } }), `the token is sent with ${method}`);
  }
  // A form needs no permission to send, and its answer is shown.
  const shown = evil.waitForResponse((answer) => answer.request().isNavigationRequest());
  await evil.evaluate((to) => {
    const form = document.body.appendChild(document.createElement("form"));
    Object.assign(form, { method: "post", action: to });
    form.submit();
  }, `${url}v1/session`);
  assert.equal((await shown).status(), 403);
  assert.ok(statuses.every((status) => status >= 400), statuses.join(" "));
  assert.equal((await fetch(new URL("v1/session", url), { headers })).status, 200, "the session was ended");
  await context.close();
  server.close();
});

test("a session ends when it is not used, and after its longest time", async () => {
  const url = env("DASHBOARD_GUARDED");
  const { page, context } = await opened({ url, clock: true });
  let headers;
  const begin = async () => {
    await enter(page, env("DASHBOARD_TENANT_KEY"), "Circuits");
    headers = await sessionOf(page);
  };
  const over = async () => {
    await page.getByText("The session has ended.").waitFor();
    // The server has ended it when the cookie is gone.
    for (let tries = 0; tries < 500 && (await context.cookies()).length > 0; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await fetch(new URL("v1/session", url), { headers })).status, 401);
  };
  const isOpen = () => page.getByRole("button", { name: "Log out" }).isVisible();
  // The server of this test ends a session that is idle for 10 minutes, or an hour old.
  await begin();
  await page.clock.fastForward(9 * 60_000);
  assert.ok(await isOpen());
  await page.clock.fastForward(61_000);
  await over();
  await begin();
  for (let minutes = 8; minutes < 60; minutes += 8) {
    await page.clock.fastForward(8 * 60_000);
    await page.keyboard.press("Shift");
    assert.ok(await isOpen(), `after ${minutes} minutes`);
  }
  await page.clock.fastForward(5 * 60_000);
  await over();
  // A page that is loaded again later does not use the session either.
  await begin();
  await page.evaluate(() => {
    const session = JSON.parse(sessionStorage.getItem("zkflow-token"));
    sessionStorage.setItem("zkflow-token", JSON.stringify({ ...session, began: session.began - 600_000 }));
    localStorage.setItem("zkflow-used", String(Number(localStorage.getItem("zkflow-used")) - 600_000));
  });
  await page.reload();
  await page.getByLabel("Key", { exact: true }).waitFor();
  await context.close();
});

test("the first load is small", async () => {
  const { page, context } = await opened();
  const { names, transferred, decoded } = await firstLoad(page);
  assert.ok(names.some((url) => url.endsWith("/v1/overview")) && names.some((url) => url.endsWith("/dashboard.js")), names.join(" "));
  assert.ok(transferred < 100_000, `${transferred} bytes were transferred`);
  assert.ok(transferred < decoded / 2, `${transferred} of ${decoded} bytes: they are not compressed`);
  await context.close();
});

test("no page breaks the policy, asks another host or fails", () => {
  assert.deepEqual(all.flat(), []);
});
