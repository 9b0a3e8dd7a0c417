import { useState } from "preact/hooks";
import { call, post } from "../api";
import { useAttempt, useLoad, usePages } from "../load";
import { Badge, Confirm, Copy, Empty, Facts, Field, More, Notice, Section, Table, Time, Title, Trouble } from "../parts/basic";
import type { Delivery, DeliveryPage, Webhooks } from "../types";

export function WebhooksPage() {
  const hooks = useLoad<Webhooks>("/v1/webhooks");
  const [status, setStatus] = useState("");
  const pages = usePages<DeliveryPage, Delivery>("/v1/webhooks/deliveries", { status }, (page) => page.deliveries, 5000);
  const [secret, setSecret] = useState<string>();
  const none = hooks.error?.code === "no_webhooks";
  const { problem, attempt: change } = useAttempt(hooks.again, pages.again);
  const attempt = (work: () => Promise<Webhooks | null>) => change(async () => {
    const made = await work();
    if (made?.secret) setSecret(made.secret);
  });
  return (
    <>
      <Title>Webhooks</Title>
      <Trouble of={problem ?? (none ? undefined : hooks.error) ?? pages.error} />
      {secret && (
        <Notice tone="good">
          The secret of the signatures, shown this once: <code class="break">{secret}</code>{" "}
          <Copy text={secret} /> <button type="button" class="small" onClick={() => setSecret(undefined)}>Hide</button>
        </Notice>
      )}
      <Section title="Receiver of events">
        {hooks.data && !none && (
          <>
            <Facts rows={[
              ["address", <code class="break">{hooks.data.url}</code>],
              ["events", hooks.data.every ? "of every request" : "of requests that name a callback"],
              ["secrets", hooks.data.secrets > 1 ? `${hooks.data.secrets} sign, until the overlap of the rotation ends` : "1 signs"],
            ]} />
            <div class="row">
              <Confirm label="Rotate the secret" tone="" question="Make a new secret? The present one signs too for a day."
                act={() => attempt(() => post<Webhooks>("/v1/webhooks/rotate"))} />
              <Confirm label="Delete the receiver" question="Delete the address and its secrets? Events that are not delivered yet are given up."
                act={() => attempt(() => call<null>("DELETE", "/v1/webhooks"))} />
            </div>
          </>
        )}
        {(hooks.data || none) && <Receiver key={none ? "" : hooks.data?.url} present={none ? undefined : hooks.data} set={(body) => attempt(() => call<Webhooks>("PUT", "/v1/webhooks", body))} />}
      </Section>
      <Section title="Deliveries of the last week">
        <div class="filters">
          <Field label="Status">{(id) => (
            <select id={id} value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
              <option value="">any</option>{["pending", "delivered", "failed"].map((name) => <option key={name}>{name}</option>)}
            </select>
          )}</Field>
        </div>
        {pages.items.length > 0 ? (
          <Table label="Deliveries" head={["Event about", "Status", "Attempts", "Cause", "Changed", ""]}>
            {pages.items.map((one) => (
              <tr key={one.deliveryId}>
                <td><Subject of={one.subject} /></td>
                <td><Badge text={one.status} /></td><td>{one.attempt}</td>
                <td class="cause">{(one.error ?? one.delayedBy)?.message ?? ""}</td>
                <td><Time at={one.updatedAt} /></td>
                <td>{one.status !== "pending" && <button type="button" class="small" onClick={() => void attempt(() => post<null>(`/v1/webhooks/deliveries/${one.deliveryId}/replay`).then(() => null))}>Send again</button>}</td>
              </tr>
            ))}
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : "There are no deliveries."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}

/** Form of the address. */
function Receiver({ present, set }: { present: Webhooks | undefined; set: (body: { url: string; every: boolean }) => Promise<void> }) {
  const [url, setUrl] = useState(present?.url ?? "");
  const [every, setEvery] = useState(present?.every ?? false);
  return (
    <form onSubmit={(event) => { event.preventDefault(); void set({ url: url.trim(), every }); }}>
      <Field label="Address" hint="https at a public address. The callbacks of requests have the same scheme, host and port.">
        {(id, hint) => <input id={id} aria-describedby={hint} type="text" inputMode="url" required spellcheck={false} placeholder="https://app.example/webhooks" value={url} onInput={(event) => setUrl(event.currentTarget.value)} />}
      </Field>
      <label class="check"><input type="checkbox" checked={every} onChange={(event) => setEvery(event.currentTarget.checked)} /> Events of requests that name no callback, too</label>
      <div class="row"><button type="submit" class="primary">{present ? "Change" : "Set"}</button></div>
    </form>
  );
}

function Subject({ of }: { of: string }) {
  const [kind, id] = of.split("/");
  const text = <code>{of}</code>;
  if (kind === "circuit") return <a href={`#/circuits/${id}`}>{text}</a>;
  if (kind === "proof") return <a href={`#/proofs/${id}`}>{text}</a>;
  return text;
}
