/** What every page of the annotator has in its menu: where else to go, how it looks, and the way out. */
import type { MenuItem } from "../components/Menu.svelte";
import { common } from "../lib/common";
import { currentLanguage, currentTheme, LANGUAGES, setLanguage, setTheme, THEMES } from "../lib/language.svelte";
import type { Person } from "./session.svelte";
import { loadTexts, t } from "./texts.svelte";

export function personalMenu(person: Person, onsignout: () => void): MenuItem[] {
  const name = person.session?.name ?? "";
  const manages = person.session?.memberships.some(({ role }) => role !== "annotator") ?? false;
  return [
    ...(manages ? [{ label: t("desk.manage"), icon: "settings" as const, href: "/" }] : []),
    { label: t("desk.quality"), icon: "spark", href: "/quality" },
    { label: t("desk.account"), icon: "person", href: "/account" },
    ...THEMES.map((theme) => ({
      label: `${common("theme")}: ${common(`theme.${theme}`)}`,
      checked: currentTheme() === theme,
      run: () => setTheme(theme),
    })),
    ...Object.entries(LANGUAGES).map(([tag, label]) => ({
      label,
      checked: currentLanguage() === tag,
      run: () => {
        setLanguage(tag);
        void loadTexts();
      },
    })),
    { label: name ? `${t("desk.sign-out")} (${name})` : t("desk.sign-out"), icon: "x", run: onsignout },
  ];
}
