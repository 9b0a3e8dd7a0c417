// The stages of the work on a document.
import { Badge } from "./basic";
import { span } from "../format";
import type { StageProgress } from "../types";

export function Timeline({ stages, present, status, timings, attempt, wait, progress }: {
  stages: string[]; present: string; status: string; timings: Record<string, number>; attempt: number; wait?: number; progress?: StageProgress;
}) {
  const at = stages.indexOf(present);
  return (
    <div>
      <ol class="timeline">
        {stages.map((stage, index) => {
          const state = index < at || ["ready", "completed", "confirmed"].includes(status) ? "over"
            : index > at ? "ahead" : status === "failed" ? "broken" : status === "cancelled" ? "ahead" : "present";
          const time = stage === "queued" ? wait : timings[stage];
          return (
            <li key={stage} class={state} aria-current={state === "present" ? "step" : undefined}>
              <span class="stage">{stage}</span>
              <span class="dull">{state === "broken" ? "failed" : time !== undefined ? span(time) : state === "present" ? (progress ? share(progress) : "now") : ""}</span>
            </li>
          );
        })}
      </ol>
      {attempt > 1 && <p><Badge text={`attempt ${attempt}`} tone="warn" /></p>}
    </div>
  );
}

/** What is done now in a stage, and how far it is. */
function share({ doing, step, steps, percent }: StageProgress): string {
  return `${doing.replaceAll("_", " ")}${steps > 1 ? `, ${step} of ${steps}` : ""}: ${percent} %`;
}
