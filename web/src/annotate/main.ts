import "../theme.css";
import { mount } from "svelte";
import Annotate from "./Annotate.svelte";
import { loadTexts } from "./texts.svelte";

const target = document.getElementById("app");
// In the reader's language from the first moment on.
await loadTexts();
if (target) mount(Annotate, { target });
