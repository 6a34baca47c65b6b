import "../theme.css";
import { mount } from "svelte";
import { tellProblemsBy } from "../lib/api";
import { inReadersWords } from "../lib/problems";
import Annotate from "./Annotate.svelte";
import { loadTexts } from "./texts.svelte";

const target = document.getElementById("app");
tellProblemsBy(inReadersWords);
// In the reader's language from the first moment on.
await loadTexts();
if (target) mount(Annotate, { target });

// Only where the connection is secure; without it a reload needs the node, and nothing else changes.
if (import.meta.env.PROD && "serviceWorker" in navigator) {
  const how: RegistrationOptions = { scope: "/annotate", updateViaCache: "none" };
  navigator.serviceWorker.register("/annotate-worker.js", how).catch(() => undefined);
}
