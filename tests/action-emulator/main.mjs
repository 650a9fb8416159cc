import { step } from "./runner.mjs";

export const run = () => step("main");
