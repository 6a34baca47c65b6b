import "../theme.css";
import { mount } from "svelte";
import Annotate from "./Annotate.svelte";

const target = document.getElementById("app");
if (target) mount(Annotate, { target });
