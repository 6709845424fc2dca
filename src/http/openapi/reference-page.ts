/**
 * Renders the API reference as one HTML page from the OpenAPI document. The page has no scripts and loads nothing from
 * other hosts.
 *
 * @module
 */
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

/** The parts of a JSON schema that the page shows. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
    readonly required?: boolean;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description?: string }>>;
}

/** The parts of an OpenAPI document that the page shows. */
export interface OpenApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const style = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --line: #dfe4ea; --back: #fff; --code: #f5f7f9; --accent: #0b6e6e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #98a3b3; --line: #2d3540; --back: #14181e; --code: #1c222a; --accent: #5cc8c0; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--back); font: 16px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 15rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 2rem 1.25rem; border-right: 1px solid var(--line); font-size: .9rem; }
nav a { display: block; color: var(--soft); text-decoration: none; padding: .12rem 0; }
nav a:hover { color: var(--accent); } nav b { display: block; margin: 1.1rem 0 .2rem; text-transform: capitalize; }
main { padding: 2rem clamp(1rem, 4vw, 4rem) 6rem; max-width: 62rem; }
h1 { font-size: 1.9rem; margin: 0 0 .5rem; } h2 { margin: 3.5rem 0 .25rem; text-transform: capitalize; border-top: 1px solid var(--line); padding-top: 1.5rem; }
section > p { color: var(--soft); margin-top: 0; } article { margin: 2.25rem 0; } h3 { font-size: 1rem; margin: 0; }
h3 code { font-size: .95rem; background: none; padding: 0; } .method { display: inline-block; min-width: 4.8rem; font-weight: 700; color: var(--accent); }
article > p { margin: .35rem 0; } code { font: .86em/1.5 ui-monospace, monospace; background: var(--code); padding: .1em .35em; border-radius: 4px; }
details { margin: .4rem 0; } summary { cursor: pointer; color: var(--soft); } ul.fields { list-style: none; margin: .3rem 0 .3rem .2rem; padding-left: .9rem; border-left: 2px solid var(--line); }
ul.fields li { margin: .3rem 0; } .type { color: var(--soft); font-size: .88em; } .answers { color: var(--soft); font-size: .9rem; }
.answers span { margin-right: 1rem; white-space: nowrap; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border: 0; } }`;

/** Renders the page. */
export function renderReference(document: OpenApiDocument): Html {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const groups = (document.tags ?? []).map((tag) => ({
    ...tag,
    operations: operations.filter(({ operation }) => operation.tags?.includes(tag.name)),
  }));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${document.info.title}</title>
        <style>
          ${raw(style)}
        </style>
      </head>
      <body>
        <nav>
          <a href="#top">${document.info.title}</a>
          ${groups.map((group) => [
            html`<b>${group.name}</b>`,
            group.operations.map(
              (each) => html`<a href="#${idOf(each)}">${each.operation.summary ?? ""}</a>`,
            ),
          ])}
        </nav>
        <main id="top">
          <h1>${document.info.title}</h1>
          <p>${document.info.description ?? ""}</p>
          <p>
            <code>Authorization: Bearer …</code> · machine-readable:
            <a href="/openapi.json"><code>/openapi.json</code></a>
          </p>
          ${groups.map(
            (group) =>
              html`<section>
                <h2>${group.name}</h2>
                <p>${group.description ?? ""}</p>
                ${group.operations.map(renderOperation)}
              </section>`,
          )}
        </main>
      </body>
    </html>`;
}

interface OperationEntry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

const idOf = ({ method, path }: OperationEntry): string => `${method}${path}`.replace(/[^A-Za-z]+/g, "-");

function renderOperation(entry: OperationEntry): Html {
  const { method, path, operation } = entry;
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  const answer = Object.entries(operation.responses).find(([status]) => status.startsWith("2"))?.[1];
  const answerSchema = Object.values(answer?.content ?? {})[0]?.schema;
  const parametersIn = (place: string) => (operation.parameters ?? []).filter((each) => each.in === place);
  return html`<article id="${idOf(entry)}">
    <h3><span class="method">${method}</span><code>${path}</code></h3>
    <p>${operation.summary ?? ""}. ${textOf(operation.description)}</p>
    ${renderParameters("Query", parametersIn("query"))} ${renderParameters("Headers", parametersIn("header"))}
    ${body === undefined ? "" : renderDetails("Body", body)}
    ${answerSchema === undefined ? "" : renderDetails("Response", answerSchema)}
    <p class="answers">
      ${Object.entries(operation.responses).map(
        ([status, { description }]) => html`<span title="${description ?? ""}"><code>${status}</code></span>`,
      )}
    </p>
  </article>`;
}

function renderParameters(title: string, parameters: NonNullable<Operation["parameters"]>): Html | string {
  if (parameters.length === 0) return "";
  return html`<details open>
    <summary>${title}</summary>
    <ul class="fields">
      ${parameters.map(
        ({ name, description, schema }) =>
          html`<li>
            <code>${name}</code> <span class="type">${typeText(schema ?? {})}</span> ${textOf(description)}
          </li>`,
      )}
    </ul>
  </details>`;
}

/** Renders a description, in which backticks mark code as in Markdown. */
function textOf(description = ""): Html {
  return html`${description.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

function renderDetails(title: string, schema: Schema): Html {
  return html`<details>
    <summary>${title}</summary>
    ${renderFields(schema)}
  </details>`;
}

/** Renders the fields of an object, of each alternative of a schema, or of the items of a list. */
function renderFields(schema: Schema): Html | string {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return html`${alternatives.map(renderFields)}`;
  if (schema.items !== undefined) return renderFields(schema.items);
  if (schema.properties === undefined) return textOf(schema.description);
  return html`<ul class="fields">
    ${Object.entries(schema.properties).map(
      ([name, field]) =>
        html`<li>
          <code>${name}</code>
          <span class="type">${typeText(field)}${schema.required?.includes(name) ? ", required" : ""}</span>
          ${textOf(field.description)}
          ${(field.properties ?? field.items?.properties) ? renderFields(field) : ""}
        </li>`,
    )}
  </ul>`;
}

function typeText(schema: Schema): string {
  const alternatives = schema.anyOf ?? schema.oneOf;
  const base =
    schema.const !== undefined
      ? JSON.stringify(schema.const)
      : schema.enum !== undefined
        ? schema.enum.map((value) => JSON.stringify(value)).join(" | ")
        : alternatives !== undefined
          ? alternatives.map(typeText).join(" | ")
          : schema.items !== undefined
            ? `list of ${typeText(schema.items)}`
            : [schema.type ?? "any"].flat().join(" | ");
  const bounds =
    schema.minimum === undefined && schema.maximum === undefined
      ? ""
      : ` ${schema.minimum ?? ""}..${schema.maximum ?? ""}`;
  const defaultText = schema.default === undefined ? "" : `, default ${JSON.stringify(schema.default)}`;
  return `${base}${bounds}${defaultText}`;
}
