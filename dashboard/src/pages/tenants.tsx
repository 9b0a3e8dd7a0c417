import { usePages } from "../load";
import { Badge, Empty, More, Section, Table, Title, Trouble } from "../parts/basic";
import type { TenantPage, TenantState } from "../types";
import { bytes, count, span } from "../format";

export function TenantsPage() {
  const pages = usePages<TenantPage, TenantState>("/v1/tenants", {}, (page) => page.tenants);
  return (
    <>
      <Title>Tenants</Title>
      <Trouble of={pages.error} />
      <Section title="All tenants">
        <p class="dull">Those with a plan, with a key, or with work that ended yesterday or today, in UTC.</p>
        {pages.items.length > 0 ? (
          <Table label="Tenants" head={["Tenant", "Plan", "Proofs of two days", "Failed", "Work", "Waiting and running", "Circuits", "Size of circuits", "Limits"]}>
            {pages.items.map((one) => (
              <tr key={one.tenant}>
                <th scope="row">{one.tenant} {one.more && <Badge text="at least" title="Some number was counted up to 1000 only" tone="warn" />}</th>
                <td>{one.plan ?? ""}</td>
                <td>{count(one.proofs)}</td><td>{count(one.failedProofs)}</td><td>{span(one.workMs)}</td>
                <td>{of(one.pendingProofs, one.limits.maxPendingProofs)} proofs, {of(one.pendingCircuits, one.limits.maxPendingCircuits)} circuits</td>
                <td>{of(one.circuits, one.limits.maxCircuits)}</td>
                <td>{bytes(one.bytes)}{one.limits.circuitsMib ? ` of ${bytes(one.limits.circuitsMib * 1024 * 1024)}` : ""}</td>
                <td>{limits(one.limits)}</td>
              </tr>
            ))}
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : "There are none."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}

/** A number with its limit, where there is one. */
const of = (number: number, most?: number) => `${count(number)}${most ? ` of ${count(most)}` : ""}`;

function limits({ requestsPerSecond, workSPerDay, witnessSPerDay, provingSPerDay, buildSPerDay }: TenantState["limits"]): string {
  const rate = requestsPerSecond ? [`${count(requestsPerSecond)} requests a second`] : [];
  const days: [number | undefined, string][] = [
    [workSPerDay, "work"], [witnessSPerDay, "CPU for witnesses"], [provingSPerDay, "CPU for proofs"], [buildSPerDay, "CPU for builds"],
  ];
  const work = days.flatMap(([seconds, of]) => seconds === undefined ? [] : [`${span(seconds * 1000)} of ${of} a day`]);
  return [...rate, ...work].join(", ");
}
