// The stages of the work on a document.
import { Badge } from "./basic";
import { span } from "../format";

export function Timeline({ stages, present, status, timings, attempt, wait }: {
  stages: string[]; present: string; status: string; timings: Record<string, number>; attempt: number; wait?: number;
}) {
  const at = stages.indexOf(present);
  return (
    <div>
      <ol class="timeline">
        {stages.map((stage, index) => {
          const state = index < at || status === "ready" || status === "completed" ? "over"
            : index > at ? "ahead" : status === "failed" ? "broken" : status === "cancelled" ? "ahead" : "present";
          const time = stage === "queued" ? wait : timings[stage];
          return (
            <li key={stage} class={state} aria-current={state === "present" ? "step" : undefined}>
              <span class="stage">{stage}</span>
              <span class="dull">{state === "broken" ? "failed" : time !== undefined ? span(time) : state === "present" ? "now" : ""}</span>
            </li>
          );
        })}
      </ol>
      {attempt > 1 && <p><Badge text={`attempt ${attempt}`} tone="warn" /></p>}
    </div>
  );
}
