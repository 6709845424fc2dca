import { once } from "node:events";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { databaseCommandMsMax } from "../../limits.ts";
import { DatabaseError } from "./database.ts";
import { openServer } from "./server.ts";

test.each<[string, (response: ServerResponse) => void]>([
  ["says nothing", () => undefined],
  ["sends a part of an answer", (response) => void response.writeHead(200).write("{")],
])(
  "openServer() does not wait as long as for a migration, when a server %s from the start",
  async (_, answer) => {
    const server = createServer((_request, response) => {
      answer(response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as AddressInfo;
    const database = openServer({
      url: `http://127.0.0.1:${port}`,
      answerMsMax: databaseCommandMsMax,
      firstAnswerMsMax: 50,
    });
    onTestFinished(() => {
      database.close();
    });
    await expect(database.read([{ sql: "SELECT 1", args: [] }])).rejects.toThrow(DatabaseError);
  },
);
