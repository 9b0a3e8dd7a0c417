// Light or dark: as the system says, until a person chooses.
import { useState } from "preact/hooks";

const STORED = "zkflow-theme";

function apply(theme: string | null) {
  if (theme) document.documentElement.dataset["theme"] = theme;
}

apply(localStorage.getItem(STORED));

export function Theme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const [theme, setTheme] = useState(document.documentElement.dataset["theme"] ?? system);
  const other = theme === "dark" ? "light" : "dark";
  const change = () => {
    localStorage.setItem(STORED, other);
    apply(other);
    setTheme(other);
  };
  return <button type="button" class="small" onClick={change} aria-label={`Use ${other} colours`}>{other === "dark" ? "Dark" : "Light"}</button>;
}
