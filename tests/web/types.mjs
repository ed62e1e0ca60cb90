// Writes api.d.ts: the types of the server's answers, from its OpenAPI document.
import { writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { startServer } from "./server.mjs";

const server = await startServer();
const document = await (await fetch(`${server.url}/api/openapi.json`)).json();

await server.stop();
await writeFile(new URL("api.d.ts", import.meta.url), astToString(await openapiTS(document)));
console.log("api.d.ts written");
