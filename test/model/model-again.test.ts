/** The model with a second seed. Vitest can run this file in parallel with `model.test.ts`. */
import { test } from "vitest";
import { isReplay, testModel } from "./suite.ts";

if (isReplay) test.skip("the model with another seed", () => undefined);
else testModel();
