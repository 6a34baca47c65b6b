import type { en } from "./texts.en";
export const de: { [key in keyof typeof en]?: string } = {};
