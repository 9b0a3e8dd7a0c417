import { useState } from "preact/hooks";
import { call, post } from "../api";
import { useAttempt, usePages } from "../load";
import { Badge, Confirm, Copy, Empty, Field, More, Notice, Section, Table, Time, Title, Trouble } from "../parts/basic";
import type { Key, KeyPage, MadeKey, Scope } from "../types";

const SCOPES: Scope[] = ["circuits:read", "circuits:build", "circuits:delete", "proofs:create", "proofs:read", "verify", "deploy", "ceremonies:contribute", "webhooks", "operate", "admin"];

export function KeysPage() {
  const pages = usePages<KeyPage, Key>("/v1/keys", {}, (page) => page.keys);
  const [name, setName] = useState("");
  const [tenant, setTenant] = useState("default");
  const [days, setDays] = useState("");
  const [scopes, setScopes] = useState<Set<Scope>>(new Set(["circuits:read", "proofs:create", "proofs:read", "verify"]));
  const [made, setMade] = useState<MadeKey>();
  const { problem, attempt } = useAttempt(pages.again);
  const create = (event: Event) => {
    event.preventDefault();
    void attempt(async () => {
      const expiresAt = days ? { expiresAt: new Date(Date.now() + Number(days) * 86_400_000).toISOString() } : {};
      setMade(await post<MadeKey>("/v1/keys", { name, tenant, scopes: [...scopes], ...expiresAt }));
      setName("");
    });
  };
  return (
    <>
      <Title>Keys</Title>
      <Trouble of={problem ?? pages.error} />
      {made && (
        <Notice tone="good">
          The key <strong>{made.name}</strong>, shown this once: <code class="break">{made.key}</code>{" "}
          <Copy text={made.key} /> <button type="button" class="small" onClick={() => setMade(undefined)}>Hide</button>
        </Notice>
      )}
      <Section title="New key">
        <form onSubmit={create}>
          <div class="filters">
            <Field label="Name">{(id) => <input id={id} type="text" required maxLength={128} value={name} onInput={(event) => setName(event.currentTarget.value)} />}</Field>
            <Field label="Tenant">{(id) => <input id={id} type="text" required pattern="[a-z0-9._\-]{1,64}" value={tenant} onInput={(event) => setTenant(event.currentTarget.value)} />}</Field>
            <Field label="Days until it expires" hint="Empty: never.">{(id, hint) => <input id={id} aria-describedby={hint} type="number" min="1" max="36500" value={days} onInput={(event) => setDays(event.currentTarget.value)} />}</Field>
          </div>
          <fieldset>
            <legend>Permissions</legend>
            {SCOPES.map((scope) => (
              <label class="check" key={scope}>
                <input type="checkbox" checked={scopes.has(scope)} onChange={(event) => { const next = new Set(scopes); if (event.currentTarget.checked) next.add(scope); else next.delete(scope); setScopes(next); }} /> {scope}
              </label>
            ))}
          </fieldset>
          <button type="submit" class="primary">Make a key</button>
        </form>
      </Section>
      <Section title="All keys">
        {pages.items.length > 0 ? (
          <Table label="Keys" head={["Name", "Tenant", "Permissions", "State", "Used", "Made", ""]}>
            {pages.items.map((key) => {
              const expired = key.expiresAt !== undefined && Date.parse(key.expiresAt) <= Date.now();
              const state = key.revokedAt ? "revoked" : expired ? "expired" : "valid";
              return (
                <tr key={key.keyId}>
                  <th scope="row">{key.name}</th><td>{key.tenant}</td><td class="cause">{key.scopes.join(", ")}</td>
                  <td><Badge text={state} tone={state === "valid" ? "good" : "dull"} title={key.expiresAt ?? "never expires"} /></td>
                  <td>{key.lastUsedAt ? <Time at={key.lastUsedAt} /> : "never"}</td><td><Time at={key.createdAt} /></td>
                  <td>{state === "valid" && (
                    <div class="row">
                      <Confirm label="Rotate" tone="small" question={`Replace the key ${key.name}? The old one is refused at once.`}
                        act={() => attempt(async () => setMade(await post<MadeKey>(`/v1/keys/${key.keyId}/rotate`)))} />
                      <Confirm label="Revoke" tone="small" question={`Revoke the key ${key.name}? It is refused at once.`}
                        act={() => attempt(() => call("DELETE", `/v1/keys/${key.keyId}`))} />
                    </div>
                  )}</td>
                </tr>
              );
            })}
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : "There are no keys."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}
