/**
 * The web build: two pages and one ES module per label type, all into src/evenhand/http/assets/.
 *
 * `manifest.json` and `widgets.json` tell the server the hashed names. Nothing is inline, so that
 * the pages run under `script-src 'self'; style-src 'self'`.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin, Rolldown } from "vite";
import { defineConfig } from "vitest/config";

const web = dirname(fileURLToPath(import.meta.url));
const labels = resolve(web, "../src/evenhand/labels");
const server = process.env["EVENHAND_DEV_SERVER"] ?? "http://127.0.0.1:8080";

/**
 * What pages share comes as two files, not as one for every module: what all pages stand on, and what the pages
 * of managers have besides. What belongs to widgets stays with them.
 */
const SHARED = [
  {
    name: "common",
    priority: 2,
    test: /\/web\/(src\/components\/|src\/lib\/(api|common|kept|language|media|messages|problems|remember|signing|toasts)[\w.]*\.ts|node_modules\/(svelte|clsx|esm-env)\/)/,
    minShareCount: 3,
  },
  { name: "shared", priority: 1, test: /\/web\/src\/manage\/(parts\/|[\w.]+$|\w+\/words\.ts)/, minShareCount: 3 },
];

/** Short name of each label type that has a widget -> its source. */
function widgetSources(): Record<string, string> {
  const source = (name: string) => resolve(labels, name, "widget.ts");
  const found = readdirSync(labels).sort().filter((name) => existsSync(source(name)));
  return Object.fromEntries(found.map((name) => [name, source(name)]));
}

/** Writes `widgets.json`: short name of the label type -> file beside it. */
function widgetIndex(sources: Record<string, string>): Plugin {
  return {
    name: "evenhand:widget-index",
    generateBundle(_options, bundle) {
      const files: Record<string, string> = {};
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk" || !chunk.isEntry) continue;
        const name = Object.keys(sources).find((key) => sources[key] === chunk.facadeModuleId);
        if (name) files[name] = chunk.fileName;
      }
      const missing = Object.keys(sources).filter((name) => !(name in files));
      if (missing.length) this.error(`No module was built for the widgets of: ${missing.join(", ")}`);
      this.emitFile({ type: "asset", fileName: "widgets.json", source: JSON.stringify(files, null, 1) });
    },
  };
}

/**
 * Writes `annotate-worker.js`: the service worker with the list of all files that the annotator's page
 * and the widgets consist of.
 */
function pageWorker(sources: Record<string, string>): Plugin {
  const worker = resolve(web, "src/annotate/worker.ts");
  return {
    name: "evenhand:page-worker",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const page = bundle["annotate.html"];
        const chunk = Object.values(bundle).find((one) => one.type === "chunk" && one.facadeModuleId === worker);
        if (page?.type !== "asset" || chunk?.type !== "chunk") return this.error("There is no page, or no worker.");
        if (chunk.imports.length > 0) this.error("The worker must be one file.");
        const starts = [...Object.values(sources), resolve(web, "annotate.html")];
        const names = filesBehind(bundle, starts);
        for (const [, name] of String(page.source).matchAll(/"\/assets\/([\w.-]+)"/g)) if (name) names.add(name);
        const files = [...names].sort().map((name) => `/assets/${name}`);
        const digest = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
        const build = { name: digest(files.join() + digest(page.source)).slice(0, 16), page: digest(page.source), files };
        this.emitFile({
          type: "asset",
          fileName: "annotate-worker.js",
          source: chunk.code.replace("__EVENHAND_BUILD__", JSON.stringify(build)),
        });
        delete bundle[chunk.fileName];
      },
    },
  };
}

/** Names of all files that these entries need, now or later. */
function filesBehind(bundle: Rolldown.OutputBundle, entries: string[]): Set<string> {
  const names = new Set<string>();
  const visit = (name: string) => {
    const chunk = bundle[name];
    if (names.has(name) || !chunk) return;
    names.add(name);
    if (chunk.type !== "chunk") return;
    for (const other of [...chunk.imports, ...chunk.dynamicImports]) visit(other);
    for (const other of [...(chunk.viteMetadata?.importedCss ?? []), ...(chunk.viteMetadata?.importedAssets ?? [])]) visit(other);
  };
  for (const chunk of Object.values(bundle)) {
    if (chunk.type === "chunk" && entries.includes(chunk.facadeModuleId ?? "")) visit(chunk.fileName);
  }
  return names;
}

/** Holds the first paint until the page's script has set theme and language: no white flash in the dark. */
function blockFirstPaint(): Plugin {
  return {
    name: "evenhand:block-first-paint",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: (html) => html.replace(/<script type="module"/g, '<script type="module" blocking="render"'),
    },
  };
}

/** In development the pages live at the addresses that the server gives them. */
function devAddresses(): Plugin {
  const page = (path: string) =>
    path.startsWith("/annotate") ? "/annotate.html" : path === "/neutrality" ? "/neutrality.html" : "/manage.html";
  return {
    name: "evenhand:dev-addresses",
    configureServer(vite) {
      vite.middlewares.use((request, _response, next) => {
        const path = (request.url ?? "/").split("?")[0] ?? "/";
        const ours = /^\/(src|node_modules|harness|@|api|auth|assets|log\/)|\.\w+$/.test(path) || path.startsWith("/.");
        if (!ours && !existsSync(resolve(web, `.${path}`))) request.url = page(path);
        else if (path === "/") request.url = "/manage.html";
        next();
      });
    },
  };
}

export default defineConfig(({ command }) => {
  const sources = widgetSources();
  const widgets = Object.fromEntries(Object.entries(sources).map(([name, path]) => [`widget-${name}`, path]));
  return {
    root: web,
    base: command === "build" ? "/assets/" : "/",
    publicDir: false,
    plugins: [svelte(), widgetIndex(sources), blockFirstPaint(), pageWorker(sources), devAddresses()],
    resolve: { alias: { $web: resolve(web, "src") }, ...(process.env["VITEST"] ? { conditions: ["browser"] } : {}) },
    build: {
      outDir: resolve(web, "../src/evenhand/http/assets"),
      emptyOutDir: true,
      assetsDir: "",
      assetsInlineLimit: 0,
      manifest: "manifest.json",
      license: { fileName: "licenses.md" },
      modulePreload: { polyfill: false },
      reportCompressedSize: true,
      rolldownOptions: {
        input: {
          annotate: resolve(web, "annotate.html"),
          manage: resolve(web, "manage.html"),
          neutrality: resolve(web, "neutrality.html"),
          worker: resolve(web, "src/annotate/worker.ts"),
          ...widgets,
        },
        // Pages call a widget through its exports; without this the bundler may drop them as unused.
        preserveEntrySignatures: "exports-only" as const,
        output: { codeSplitting: { groups: SHARED } },
      },
    },
    server: {
      host: "127.0.0.1",
      fs: { allow: [resolve(web, "..")] },
      proxy: Object.fromEntries(["/api", "/assets", "/auth", "/log/"].map((path) => [path, server])),
    },
    test: {
      environment: "happy-dom",
      // A test reaches nothing outside, and says nothing about what it did not load.
      environmentOptions: {
        happyDOM: {
          settings: { handleDisabledFileLoadingAsSuccess: true, disableJavaScriptFileLoading: true, disableCSSFileLoading: true },
        },
      },
      include: ["web/src/**/*.test.ts", "src/evenhand/labels/*/*.test.ts"],
      dir: resolve(web, ".."),
      // A busy machine is slow, not wrong.
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  };
});
