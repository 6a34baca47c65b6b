import "../theme.css";
import { mount } from "svelte";
import Neutrality from "./Neutrality.svelte";

const target = document.getElementById("app");
if (target) mount(Neutrality, { target });
