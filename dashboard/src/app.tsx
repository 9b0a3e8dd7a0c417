import { useEffect, useState } from "preact/hooks";
import { asProblem, get, Problem } from "./api";
import { Login } from "./pages/login";
import { OverviewPage } from "./pages/overview";
import { CircuitsPage } from "./pages/circuits";
import { CircuitPage } from "./pages/circuit";
import { DeploymentPage } from "./pages/deployment";
import { ProofsPage } from "./pages/proofs";
import { ProofPage } from "./pages/proof";
import { ProvePage } from "./pages/prove";
import { JobsPage } from "./pages/jobs";
import { AuditPage } from "./pages/audit";
import { CeremoniesPage } from "./pages/ceremonies";
import { CeremonyPage } from "./pages/ceremony";
import { KeysPage } from "./pages/keys";
import { TenantsPage } from "./pages/tenants";
import { UsagePage } from "./pages/usage";
import { WebhooksPage } from "./pages/webhooks";
import { go, segments, useVisit } from "./route";
import { login, watchSession } from "./session";
import { Title, Trouble } from "./parts/basic";
import { Theme } from "./parts/theme";
import type { Overview } from "./types";

/** Pages that the session may see. */
export type Rights = { operate: boolean; webhooks: boolean; admin: boolean; keys: boolean; tenants: boolean };

export function App() {
  const visit = useVisit();
  const [asked, setAsked] = useState(false);
  const [ended, setEnded] = useState(false);
  const [session, setSession] = useState(0);
  const [rights, setRights] = useState<Rights | null>(null);
  const [problem, setProblem] = useState<Problem>();
  const enter = () => { setAsked(false); setEnded(false); setRights(null); setProblem(undefined); setSession((number) => number + 1); };
  useEffect(() => {
    const ask = () => setAsked(true);
    addEventListener("zkflow-login", ask);
    watchSession(enter, () => { setEnded(true); setRights(null); setAsked(true); });
    return () => removeEventListener("zkflow-login", ask);
  }, []);
  useEffect(() => {
    let live = true;
    find().then((found) => { if (live) setRights(found); }, (error: unknown) => { if (live) setProblem(asProblem(error)); });
    return () => { live = false; };
  }, [session]);
  const leave = () => { login.end(); setRights(null); setAsked(true); };
  if (asked) return <main class="alone"><Login enter={enter} ended={ended} /></main>;
  const [page = ""] = segments();
  const tab = (may: boolean | undefined, path: string, name: string): [string, string][] => (may ? [[path, name]] : []);
  const tabs = [
    ...tab(rights?.operate, "", "Overview"), ...tab(true, "circuits", "Circuits"), ...tab(true, "proofs", "Proofs"),
    ...tab(true, "ceremonies", "Ceremonies"), ...tab(rights?.operate, "jobs", "Jobs"), ...tab(true, "usage", "Usage"),
    ...tab(rights?.webhooks, "webhooks", "Webhooks"), ...tab(rights?.admin, "tenants", "Tenants"), ...tab(rights?.admin, "audit", "Audit log"), ...tab(rights?.keys, "keys", "Keys"),
  ];
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to content</a>
      <header class="top">
        <a class="brand" href="#/"><img src="./icon.svg" alt="" width="24" height="24" />ZKFlow</a>
        <nav aria-label="Pages">
          {tabs.map(([path, name]) => <a key={path} href={`#/${path}`} aria-current={page === path ? "page" : undefined}>{name}</a>)}
        </nav>
        <div class="tools">
          <a href="./docs/">API</a>
          <Theme />
          {login.token() && <button type="button" class="small" onClick={leave}>Log out</button>}
        </div>
      </header>
      <main id="main" tabIndex={-1} key={session}>{rights ? <Page visit={visit} rights={rights} /> : problem
        ? <><Trouble of={problem} /><button type="button" onClick={enter}>Try again</button></>
        : <p class="empty">Loading…</p>}</main>
    </>
  );
}

function Page({ visit, rights }: { visit: number; rights: Rights }) {
  const [page = "", id, part, partId] = segments();
  useEffect(() => {
    if (page === "" && !rights.operate) go("/circuits");
  }, [page, rights]);
  switch (page) {
    case "": return rights.operate ? <OverviewPage /> : null;
    case "circuits": if (id && part === "deployments" && partId) return <DeploymentPage key={partId} circuit={id} id={partId} />;
      return id ? <CircuitPage key={id} id={id} /> : <CircuitsPage key={visit} tenants={rights.tenants} />;
    case "proofs": return id ? <ProofPage key={id} id={id} /> : <ProofsPage key={visit} />;
    case "prove": return <ProvePage key={visit} />;
    case "ceremonies": return id ? <CeremonyPage key={id} id={id} /> : <CeremoniesPage key={visit} />;
    case "usage": return <UsagePage />;
    case "webhooks": return <WebhooksPage />;
    case "tenants": return <TenantsPage />;
    case "audit": return <AuditPage />;
    case "jobs": return <JobsPage key={visit} />;
    case "keys": return <KeysPage />;
    default: return <><Title>No such page</Title><p><a href="#/">To the overview</a></p></>;
  }
}

/** Asks for what only some keys may read. Without authentication there are no keys to manage. */
async function find(): Promise<Rights> {
  const may = async <T,>(path: string): Promise<T | null> => {
    try {
      return await get<T>(path);
    } catch (error) {
      if (error instanceof Problem && error.status === 403) return null;
      throw error;
    }
  };
  const overview = await may<Overview>("/v1/overview");
  const guarded = overview ? overview.authentication : login.token() !== null;
  const admin = await may("/v1/audit-log?limit=1") !== null;
  const webhooks = await may("/v1/webhooks/deliveries?limit=1") !== null;
  return { operate: overview !== null, webhooks, admin, keys: admin && guarded, tenants: overview !== null && guarded };
}
