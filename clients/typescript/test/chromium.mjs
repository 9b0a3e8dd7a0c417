// A page in Debian's Chromium, from a server of this process.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FILES } from "./support.mjs";

const { chromium } = createRequire(new URL("../../../dashboard/package.json", import.meta.url))("playwright-core");
const BUILD = fileURLToPath(new URL("../dist/esm/", import.meta.url));
const TYPES = { js: "text/javascript", json: "application/json" };

/**
 * Opens an empty page. Its origin has the ESM build below `/build/`, the files of the circuit below `/files/`, and those of more
 * `folders`. `api(request, response)` answers below `/v1/`. `texts` are scripts by their names.
 */
export async function openPage({ api, folders = {}, texts = {} }) {
  const places = { build: BUILD, files: FILES, ...folders };
  const server = createServer(async (request, response) => {
    const [, place, name] = new URL(request.url, "http://localhost").pathname.split("/");
    try {
      if (place === "v1") return await api(request, response);
      if (place === "") return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>client</title>");
      const body = texts[place] ?? (await readFile(join(places[place], name)));
      response.writeHead(200, { "content-type": TYPES[(name ?? place).split(".").at(-1)] ?? "application/octet-stream" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const page = await browser.newPage();
  const close = async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  };
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return { page, close };
}
