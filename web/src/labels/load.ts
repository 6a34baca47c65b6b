import type { WidgetModule } from "../widget";

const loaded = new Map<string, WidgetModule>();
const loading = new Map<string, Promise<WidgetModule>>();

/** The widget, when it is here already: then a task can appear without waiting a turn. */
export function widgetNow(address: string): WidgetModule | undefined {
  return loaded.get(address);
}

/**
 * Loads a label type's widget from our own origin, once; what failed may be tried again.
 *
 * Raises: an Error, when it cannot be fetched or is no widget.
 */
export function loadWidget(address: string): Promise<WidgetModule> {
  const known = loading.get(address);
  if (known) return known;
  const promise = fetchWidget(address);
  loading.set(address, promise);
  promise.catch(() => loading.delete(address));
  return promise;
}

async function fetchWidget(address: string): Promise<WidgetModule> {
  const url = new URL(address, document.baseURI);
  if (url.origin !== location.origin) throw new Error(`A widget must come from our own origin, not ${url.origin}.`);
  const module = (await import(/* @vite-ignore */ url.href)) as WidgetModule;
  if (typeof module.default !== "function") throw new Error(`${address} is no widget: it has no default export.`);
  loaded.set(address, module);
  return module;
}
