import "../theme.css";
import { mount } from "svelte";
import Manage from "./Manage.svelte";

const target = document.getElementById("app");
if (target) mount(Manage, { target });
