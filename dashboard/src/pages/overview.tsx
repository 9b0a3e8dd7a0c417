import { useState } from "preact/hooks";
import { useLoad } from "../load";
import { Badge, Empty, Facts, Notice, Pause, Section, Table, Title, Trouble } from "../parts/basic";
import type { Job, Overview, QueueState, Window, Worker } from "../types";
import { bytes, count, short, span } from "../format";

const NAMES: Record<Window["window"], string> = { hour: "Hour", day: "Day", week: "Week" };

export function OverviewPage() {
  const { data, error } = useLoad<Overview>("/v1/overview", 5000);
  if (!data) return <><Title>Overview</Title>{error ? <Trouble of={error} /> : <p class="empty">Loading…</p>}</>;
  const { process } = data;
  return (
    <>
      <Title aside={<span class="dull">version {data.version}, up {span(data.uptimeS * 1000)}</span>}>Overview</Title>
      <Trouble of={error} />
      {data.warnings.map((warning) => <Notice tone="warn" key={warning}>{warning}</Notice>)}
      <Section title="Queues" aside={<a href="#/jobs">Jobs</a>}>
        <Table label="Queues" head={["Queue", "Waiting", "Delayed", "Running", "Dead", "Oldest waits"]}>
          {data.queues.map((queue) => (
            <tr key={queue.queue}>
              <th scope="row">{queue.queue} <Pause of={queue} /></th>
              <td><Jobs of={queue} state="pending" count={queue.ready} /></td>
              <td><Jobs of={queue} state="pending" count={queue.delayed} /></td>
              <td><Jobs of={queue} state="pending" count={queue.leased} /></td>
              <td><Jobs of={queue} state="dead" count={queue.dead} /></td>
              <td>{queue.oldestReadyS === undefined ? "" : span(queue.oldestReadyS * 1000)}</td>
            </tr>
          ))}
        </Table>
      </Section>
      <Activity windows={data.activity} />
      <Workers of={data.workers} />
      <div class="columns">
        <Section title="Backends">
          <Facts rows={data.backends.map((backend) => [backend.name, <>{backend.kind} <Badge text={backend.status} tone={backend.status === "ok" ? "good" : "bad"} /></>])} />
        </Section>
        <Section title="This process">
          <Facts rows={[
            ["workers", process.works ? `at once: proofs ${process.proofs}, circuits ${process.circuits}, deployments ${process.deployments}` : "none: other processes work"],
            ["prover", `${process.prover}, kernel ${process.kernel}`],
            ...(process.memoryBytes === undefined ? [] : [["memory", bytes(process.memoryBytes)] as [string, string]]),
            ...(process.databaseBytes === undefined ? [] : [["database", bytes(process.databaseBytes)] as [string, string]]),
            ["templates", count(process.templates)],
          ]} />
        </Section>
        <Section title="Disks, caches and limits">
          <Facts rows={[
            ...data.disks.map((disk) => [`free for ${disk.folder}`, `${bytes(disk.freeBytes)} of ${bytes(disk.totalBytes)}`] as [string, string]),
            ...data.caches.map((cache) => [`cache of ${cache.name}`, cacheUse(cache)] as [string, string]),
            ...data.budgets.map(({ name, used, limit }) => [
              name, name === "bodies" ? `${bytes(used)} of ${bytes(limit)}` : `${count(used)} of ${count(limit)}`,
            ] as [string, string]),
          ]} />
        </Section>
      </div>
    </>
  );
}

/** A number of jobs, with a link to them. */
function Jobs({ of, state, count: number }: { of: QueueState; state: Job["state"]; count: number }) {
  return number > 0 ? <a href={`#/jobs?queue=${of.queue}&state=${state}`}>{count(number)}</a> : <>0</>;
}

function cacheUse({ usedBytes, limitBytes, hits, misses }: Overview["caches"][number]): string {
  const size = limitBytes === undefined ? bytes(usedBytes) : `${bytes(usedBytes)} of ${bytes(limitBytes)}`;
  return hits === undefined || misses === undefined || hits + misses === 0 ? size
    : `${size}, found ${Math.round((hits / (hits + misses)) * 100)} % of ${count(hits + misses)} times`;
}

function Activity({ windows }: { windows: Window[] }) {
  const [chosen, setChosen] = useState<Window["window"]>("hour");
  const window = windows.find((one) => one.window === chosen);
  if (!window) return null;
  const times: [string, Window["wait"]][] = [
    ["wait", window.wait], ["witness", window.witness], ["prove", window.prove], ["verify", window.verify], ["in all", window.total],
  ];
  return (
    <Section
      title="Proofs"
      aside={
        <div role="group" aria-label="Window" class="row">
          {windows.map((one) => (
            <button key={one.window} type="button" class="small" aria-pressed={one.window === chosen} onClick={() => setChosen(one.window)}>{NAMES[one.window]}</button>
          ))}
        </div>
      }
    >
      <div class="columns wide">
        <div>
          <p class="figures">
            <span><strong>{count(window.completed)}</strong> completed</span>
            <a href="#/jobs?queue=proof-generation&state=failed"><strong>{count(window.failed)}</strong> failed</a>
            <span><strong>{(window.completed / (window.lengthS / 60)).toFixed(1)}</strong> a minute</span>
          </p>
          <Chart window={window} />
        </div>
        <Table label="Times of proofs" head={["Time", "half", "95 %"]}>
          {times.map(([name, time]) => (
            <tr key={name}><th scope="row">{name}</th><td>{time ? span(time.p50) : ""}</td><td>{time ? span(time.p95) : ""}</td></tr>
          ))}
        </Table>
      </div>
    </Section>
  );
}

/** The processes that run jobs, of all machines. */
function Workers({ of }: { of: Worker[] }) {
  const alive = of.filter((worker) => worker.alive).length;
  return (
    <Section title="Workers" aside={<span class="dull">{count(alive)} alive{of.length > alive ? `, ${count(of.length - alive)} lost` : ""}</span>}>
      {of.length === 0 ? <Empty>No process runs jobs.</Empty> : (
        <Table label="Workers" head={["Process", "State", "Jobs at once", "Prover", "Memory", "Version", "Running for"]}>
          {of.map((worker) => (
            <tr key={worker.workerId}>
              <th scope="row"><code title={worker.workerId}>{short(worker.workerId)}</code></th>
              <td><Badge text={worker.alive ? "alive" : "lost"} tone={worker.alive ? "good" : "bad"} title={`seen ${worker.seenAt}`} />{!worker.alive && ` ${span(worker.silentS * 1000)} ago`}</td>
              <td class="wrap">{worker.queues.map(({ queue, concurrency }) => `${queue} ${concurrency}`).join(", ")}</td>
              <td>{worker.prover}, {worker.kernel}</td>
              <td>{worker.memoryBytes === undefined ? "" : bytes(worker.memoryBytes)}</td>
              <td>{worker.version}</td>
              <td>{span(Date.parse(worker.seenAt) - Date.parse(worker.startedAt))}</td>
            </tr>
          ))}
        </Table>
      )}
    </Section>
  );
}

function Chart({ window }: { window: Window }) {
  const most = Math.max(1, ...window.buckets.map((bucket) => bucket.completed + bucket.failed));
  const width = 100 / window.buckets.length;
  return (
    <svg class="chart" viewBox="0 0 100 30" preserveAspectRatio="none" role="img"
      aria-label={`Proofs of the last ${window.window}: ${window.completed} completed, ${window.failed} failed`}>
      {window.buckets.map((bucket, index) => {
        const done = (bucket.completed / most) * 29;
        const failed = (bucket.failed / most) * 29;
        return (
          <g key={index}>
            <rect class="done" x={index * width + 0.2} width={width - 0.4} y={30 - done} height={done} />
            <rect class="lost" x={index * width + 0.2} width={width - 0.4} y={30 - done - failed} height={failed} />
          </g>
        );
      })}
      <line x1="0" x2="100" y1="30" y2="30" />
    </svg>
  );
}
