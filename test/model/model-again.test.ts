/** The model with another seed, on the other core. */
import { test } from "vitest";
import { isReplay, testModel } from "./suite.ts";

if (isReplay) test.skip("the model with another seed", () => undefined);
else testModel();
