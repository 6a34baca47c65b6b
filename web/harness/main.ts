/** Every widget, field view and component on one page, to look at and to test by browser. Not shipped. */
import "../src/theme.css";
import { mount } from "svelte";
import Harness from "./Harness.svelte";

const target = document.getElementById("app");
if (target) mount(Harness, { target });
