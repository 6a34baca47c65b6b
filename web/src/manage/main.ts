import "../theme.css";
import { mount } from "svelte";
import { tellProblemsBy } from "../lib/api";
import { inReadersWords } from "../lib/problems";
import Manage from "./Manage.svelte";

tellProblemsBy(inReadersWords);
const target = document.getElementById("app");
if (target) mount(Manage, { target });
