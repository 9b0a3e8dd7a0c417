import { useRef, useState } from "preact/hooks";
import { asProblem, get, post, query, type Problem } from "../api";
import { useLoad, usePages } from "../load";
import { Confirm, Empty, Field, More, Notice, Pause, Search, Section, Table, Time, Title, Trouble } from "../parts/basic";
import { parameters, useAddress } from "../route";
import type { Job, JobPage, Overview, Queue } from "../types";
import { count, moment, short } from "../format";

const QUEUES: Queue[] = ["key-generation", "proof-generation", "deploy", "webhooks", "cleanup", "ceremony"];
const STATES: Job["state"][] = ["failed", "dead", "pending"];
const LABELS: Record<Job["state"], string> = { failed: "Failed", dead: "Dead letters", pending: "Waiting and running" };

/** Largest number of jobs of one call. */
const MOST = 200;

export function JobsPage() {
  const linked = parameters();
  const [queue, setQueue] = useState<Queue>((linked.get("queue") as Queue | null) ?? "proof-generation");
  const [state, setState] = useState<Job["state"]>((linked.get("state") as Job["state"] | null) ?? "failed");
  const [errorCode, setCode] = useState(linked.get("errorCode") ?? "");
  const [tenant, setTenant] = useState(linked.get("tenant") ?? "");
  const [containing, setContaining] = useState(linked.get("containing") ?? "");
  const [before, setBefore] = useState(linked.get("before") ?? "");
  useAddress("jobs", { queue, state, errorCode, tenant, containing, before });
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [said, setSaid] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const overview = useLoad<Overview>("/v1/overview", 5000);
  const filter = { state, errorCode, tenant, containing, before: moment(before) };
  const pages = usePages<JobPage, Job>("/v1/jobs", { queue, ...filter }, (page) => page.jobs, 5000);
  const jobs = pages.items;
  const nothing = jobs.length === 0 && !pages.more;
  const destroyed = state !== "pending" && ["proof-generation", "deploy"].includes(queue);
  const place = (change: () => void) => { change(); setChosen(new Set()); setSaid(undefined); };
  const selected = [...new Set(jobs.filter((job) => chosen.has(job.subject)).map((job) => job.subject))];
  const retryable = [...new Set(jobs.filter((job) => chosen.has(job.subject) && job.retryable).map((job) => job.subject))];

  /** The conditions of the last question. Jobs that are made after it are not changed, nor those of another filter. */
  const asked = useRef({ queue, ...filter });
  /** Changes the jobs with these subjects, or all that the question was about, part by part. */
  const act = async (verb: "retry" | "delete", subjects?: string[]) => {
    const outcomes: Record<string, number> = {};
    let nothing = "No job matches.";
    const change = async (chosen: { queue: Queue; subjects: string[] } | { queue: Queue; matching: object }) => {
      const answer = await post<{ results: { outcome: string }[]; nextCursor?: string }>(`/v1/jobs/${verb}`, chosen);
      for (const { outcome } of answer.results) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      return answer.nextCursor;
    };
    try {
      if (subjects) {
        for (let at = 0; at < subjects.length; at += MOST) await change({ queue, subjects: subjects.slice(at, at + MOST) });
      } else {
        const { queue, ...conditions } = asked.current;
        const given = Object.fromEntries(Object.entries(conditions).filter(([, value]) => value));
        let cursor: string | undefined;
        do cursor = await change({ queue, matching: { ...given, ...(cursor ? { cursor } : {}) } });
        while (cursor);
      }
      setProblem(undefined);
    } catch (found) {
      setProblem(asProblem(found));
      nothing = "";
    }
    setSaid(Object.entries(outcomes).map(([outcome, times]) => `${count(times)} ${outcome.replaceAll("_", " ")}`).join(", ") || nothing);
    setChosen(new Set());
    pages.again();
    overview.again();
  };
  /** Asks about all that match, with their number. */
  const ask = (verb: string, consequence: string) => async () => {
    asked.current = { queue, ...filter, before: filter.before ?? new Date().toISOString() };
    try {
      const found = (await get<JobPage>(`/v1/jobs${query({ ...asked.current, limit: "1", count: "true" })}`)).count;
      if (found) return `${verb} the ${count(found.number)}${found.more ? " or more" : ""} jobs that match? ${consequence}`;
    } catch (problem) {
      setProblem(asProblem(problem));
    }
    return `${verb} all jobs that match? They were not counted. ${consequence}`;
  };
  const remove = async (subjects?: string[]) => {
    let sum = 0;
    try {
      for (let at = 0; at < (subjects?.length ?? 1); at += MOST) {
        const part = subjects ? { subjects: subjects.slice(at, at + MOST) } : {};
        sum += (await post<{ removed: number }>("/v1/jobs/purge", { queue, ...part })).removed;
      }
      setProblem(undefined);
    } catch (found) {
      setProblem(asProblem(found));
    }
    setSaid(`${count(sum)} dead letters removed`);
    setChosen(new Set());
    pages.again();
    overview.again();
  };
  const pause = async (of: Queue, verb: "pause" | "resume") => {
    try {
      await post(`/v1/queues/${of}/${verb}`);
    } catch (found) {
      setProblem(asProblem(found));
    }
    overview.again();
  };

  return (
    <>
      <Title>Jobs</Title>
      <Trouble of={problem ?? pages.error ?? overview.error} />
      <Section title="Queues">
        <Table label="Queues" head={["Queue", "Waiting", "Running", "Dead", ""]}>
          {overview.data?.queues.map((one) => (
            <tr key={one.queue}>
              <th scope="row">{one.queue} <Pause of={one} /></th>
              <td>{count(one.ready + one.delayed)}</td><td>{count(one.leased)}</td><td>{count(one.dead)}</td>
              <td>{one.paused
                ? <button type="button" class="small" onClick={() => void pause(one.queue, "resume")}>Resume {one.queue}</button>
                : <Confirm label={`Pause ${one.queue}`} tone="small" question={`Pause ${one.queue}? It drains: running jobs end, and no further one starts in any process until you resume it.`} act={() => pause(one.queue, "pause")} />}</td>
            </tr>
          ))}
        </Table>
      </Section>
      <Section title={LABELS[state]}>
        <div class="filters">
          <Field label="Queue">{(id) => (
            <select id={id} value={queue} onChange={(event) => { const next = event.currentTarget.value as Queue; place(() => setQueue(next)); }}>
              {QUEUES.map((name) => <option key={name}>{name}</option>)}
            </select>
          )}</Field>
          <Field label="State">{(id) => (
            <select id={id} value={state} onChange={(event) => { const next = event.currentTarget.value as Job["state"]; place(() => setState(next)); }}>
              {STATES.map((name) => <option key={name} value={name}>{LABELS[name]}</option>)}
            </select>
          )}</Field>
          <Search label="Error code" placeholder="constraint_failed" value={errorCode} set={(next) => place(() => setCode(next))} />
          <Search label="Tenant" value={tenant} set={(next) => place(() => setTenant(next))} />
          <Search label="Containing" value={containing} set={(next) => place(() => setContaining(next))} />
          <Field label={state === "dead" ? "Died before" : "Requested before"}>{(id) => <input id={id} type="datetime-local" value={before} onChange={(event) => { const next = event.currentTarget.value; place(() => setBefore(next)); }} />}</Field>
        </div>
        {said && <Notice tone="good">{said}</Notice>}
        <div class="row">
          <Confirm label={`Retry ${retryable.length || ""}`.trim()} tone="" disabled={retryable.length === 0} act={() => act("retry", retryable)}
            question={`Retry ${retryable.length} jobs? They wait for a worker again.`} />
          <Confirm label={`Delete ${selected.length || ""}`.trim()} disabled={selected.length === 0 || state === "pending"} act={() => act("delete", selected)}
            question={`Delete the documents of ${selected.length} jobs? Their owners do not see them any more.`} />
          <Confirm label="Retry all that match" tone="" disabled={nothing || destroyed} act={() => act("retry")}
            question={ask("Retry", "They wait for a worker again.")} />
          <Confirm label="Delete all that match" disabled={nothing || state === "pending"} act={() => act("delete")}
            question={ask("Delete the documents of", "Their owners do not see them any more.")} />
          {state === "dead" && <>
            <Confirm label={`Remove ${selected.length || ""} from the dead letters`.replace("  ", " ")} disabled={selected.length === 0} act={() => remove(selected)}
              question={`Remove the dead letters of ${selected.length} jobs? Their documents remain.`} />
            <Confirm label={`Remove all dead letters of ${queue}`} act={() => remove()} question={`Remove all dead letters of ${queue}? Their documents remain.`} />
          </>}
        </div>
        {destroyed && <p class="dull">Failed proofs and deployments cannot be repeated: their inputs and secrets are destroyed. Ask for a new one.</p>}
        {jobs.length > 0 ? (
          <Table label={LABELS[state]} head={[
            <input type="checkbox" aria-label="Select all shown" checked={jobs.every((job) => chosen.has(job.subject))}
              onChange={(event) => setChosen(event.currentTarget.checked ? new Set(jobs.map((job) => job.subject)) : new Set())} />,
            "Subject", "Tenant", "Stage", "Attempts", "Cause", state === "dead" ? "Died" : "Changed",
          ]}>
            {jobs.map((job) => (
              <tr key={`${job.subject} ${job.updatedAt}`}>
                <td><input type="checkbox" aria-label={`Select ${job.subject}`} checked={chosen.has(job.subject)}
                  onChange={(event) => { const next = new Set(chosen); if (event.currentTarget.checked) next.add(job.subject); else next.delete(job.subject); setChosen(next); }} /></td>
                <td><Subject of={job} /></td>
                <td>{job.tenant ?? ""}</td><td>{job.stage ?? ""}</td><td>{job.attempt}</td>
                <td class="cause">{job.error && <strong>{job.error.code}</strong>} {job.error?.message ?? job.lastError ?? ""}</td>
                <td><Time at={job.updatedAt} /></td>
              </tr>
            ))}
          </Table>
        ) : <Empty>{pages.loading ? "Loading…" : pages.more ? "None was found so far." : "There are none."}</Empty>}
        <More of={pages.more} />
      </Section>
    </>
  );
}

/** Link to a document. Those of other tenants open only with a key of theirs. */
function Subject({ of }: { of: Job }) {
  const id = <code title={of.subject}>{short(of.subject)}</code>;
  if (of.queue === "key-generation") return <a href={`#/circuits/${of.subject}`}>{id}</a>;
  if (of.queue === "proof-generation") return <a href={`#/proofs/${of.subject}`}>{id}</a>;
  if (of.queue === "deploy" && of.circuitId) return <a href={`#/circuits/${of.circuitId}/deployments/${of.subject}`}>{id}</a>;
  if (of.queue === "ceremony") return <a href={`#/ceremonies/${of.subject}`}>{id}</a>;
  return id;
}
