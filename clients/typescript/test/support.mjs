// The real server of these tests, and a bad network before it.
import { createServer } from "node:http";
import { once } from "node:events";

export const SERVER = process.env.ZKFLOW_URL;
export const CIRCUIT = process.env.ZKFLOW_CIRCUIT;
export const FILES = process.env.ZKFLOW_FILES;

/** Inputs of the circuit: an age from 18 to 120. */
export const inputs = (age = "42") => ({ privateInputs: { age }, publicInputs: { randomPublicSignal: 7n } });

/**
 * Passes requests on to the server. `fault(request, count)` can return a status to answer with, "drop" to lose the
 * answer after the server has acted, or "cut" to end an answer after its first piece.
 */
export async function network(fault) {
  const seen = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    seen.push({ method: request.method, url: request.url, headers: request.headers });
    const decided = fault?.(request, seen.length);
    if (typeof decided === "number") return response.writeHead(decided, { "retry-after": "0" }).end();
    const { host, connection, ...given } = request.headers;
    // `fetch` decodes bodies, so the answer is asked for as it is passed on.
    const headers = { ...given, "accept-encoding": "identity" };
    const stop = new AbortController();
    response.on("close", () => stop.abort());
    try {
      const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
      const answer = await fetch(SERVER + request.url, { method: request.method, headers, body, signal: stop.signal });
      if (decided === "drop") return request.socket.destroy();
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      for await (const piece of answer.body ?? []) {
        response.write(piece);
        if (decided === "cut") return request.socket.destroy();
      }
      response.end();
    } catch {
      request.socket.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    seen,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
