import { createContext, use, useEffect, useState, type ReactNode } from "react";

type Theme = "light" | "dark";
const Context = createContext<{ theme: Theme; toggle: () => void }>({ theme: "light", toggle: () => undefined });

/** Follows the system until a person chooses; the choice stays in this browser. */
export function ThemeProvider({ children }: { children: ReactNode }) {
  const [theme, setTheme] = useState<Theme>(initial);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const toggle = () =>
    setTheme((now) => {
      const next = now === "dark" ? "light" : "dark";
      localStorage.setItem("signalbox.theme", next);
      return next;
    });
  return <Context value={{ theme, toggle }}>{children}</Context>;
}

export const useTheme = () => use(Context);

function initial(): Theme {
  const kept = localStorage.getItem("signalbox.theme");
  const theme = kept === "dark" || kept === "light" ? kept : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
  return theme;
}
