/** Dark or light: as the system says, until the visitor chooses the other one. */

const KEY = "theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const systemTheme = () => (system.matches ? "dark" : "light");
const currentTheme = () => document.documentElement.dataset.theme;

// Storage may be forbidden; then a choice holds for as long as the page is open.
function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(theme) {
  try {
    // Who goes back to what the system says follows the system again.
    if (theme === systemTheme()) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // see stored()
  }
}

/**
 * Let a button change the theme.
 * @param {HTMLButtonElement} button
 * @param {() => void} onChange called after every change, the system's too
 */
export function wireTheme(button, onChange) {
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-label", `Switch to the ${theme === "dark" ? "light" : "dark"} theme`);
    onChange();
  };
  button.addEventListener("click", () => {
    const theme = currentTheme() === "dark" ? "light" : "dark";
    store(theme);
    show(theme);
  });
  system.addEventListener("change", () => show(stored() ?? systemTheme()));
  show(currentTheme());
}

// On import, before the first paint; index.html says why.
document.documentElement.dataset.theme = stored() ?? systemTheme();
