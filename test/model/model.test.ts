/**
 * Runs the model of clients, allocators and pools against the real allocator and the real store.
 * `npm run model -- --seed N` replays a run.
 */
import { testModel } from "./suite.ts";

testModel();
