/**
 * Metrics of a Node process, such as its memory and CPU time, by the client library of Prometheus.
 *
 * @module
 */
import { collectDefaultMetrics, Registry } from "prom-client";

/** Gauges of the library whose names end like those of counters. Other gauges have the same numbers by type. */
const misnamed = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/** Creates a registry that has the metrics of this process. */
export function createProcessRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  return registry;
}
