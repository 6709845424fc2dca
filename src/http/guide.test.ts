/**
 * Checks the guide of the HTTP API against the code: routes, statuses, metrics, alerts, look-up reasons, and an error.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTestAllocator, adminToken } from "../../test/support/allocator.ts";
import { noHolderReasons } from "../store/evidence/history.ts";

const read = (file: string): string => readFileSync(join(import.meta.dirname, file), "utf8");
const guide = read("README.md");

/** The parts of an OpenAPI document that the tests read. */
interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, unknown>> }>>>
  >;
}

test("the guide lists every route and status of /openapi.json, and no other route", async () => {
  const { app } = await createTestAllocator({ domains: [] });
  const document = await app.request("/openapi.json");
  const { paths }: Document = await document.json();
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({
      route: `${method.toUpperCase()} ${path.replace("/admin/v1", "")}`,
      statuses: Object.keys(responses),
    })),
  );
  const [, section = ""] = guide.split("\n## The admin API\n");
  const named = [...section.split("\n### ")[0]!.matchAll(/^\| `([A-Z]+ \/[^`?]*)`/gm)].map(
    ([, route]) => route!,
  );
  expect(named.sort()).toEqual(operations.map(({ route }) => route).sort());
  const refusals = new Set(operations.flatMap(({ statuses }) => statuses.filter((each) => each >= "400")));
  for (const status of refusals) expect(guide).toMatch(new RegExp(`^\\| ${status} `, "m"));
});

test("the API responds with the error that the guide shows", async () => {
  const { app } = await createTestAllocator({ domains: [] });
  const response = await app.request("/admin/v1/pools:plan", {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: '{"kind": "shared", "range": "192.0.2.0/24", "psidLength": 17}',
  });
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const [, shown = ""] = /```json\n(\{\s*"type".*?)```/s.exec(guide) ?? [];
  expect(await response.json()).toEqual(JSON.parse(shown));
});

test("the guide lists the metrics, alerts and look-up reasons of the code", async () => {
  const { app } = await createTestAllocator({ domains: [] });
  const response = await app.request("/metrics", { headers: { authorization: `Bearer ${adminToken}` } });
  const metrics = [...(await response.text()).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name!);
  const alerts = [...read("metrics/alerts.yaml").matchAll(/alert: (\w+)/g)].map(([, name]) => name!);
  expect(metrics.length).toBeGreaterThan(5);
  for (const name of [...metrics, ...alerts, ...Object.keys(noHolderReasons)]) {
    expect(guide).toMatch(new RegExp(`^\\| \`${name}\` `, "m"));
  }
});
