// azure-kusto-data for Node, unmodified, against the server in SPILLWAY_URL.
import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import zlib from "node:zlib";
import { pathToFileURL } from "node:url";

const index = path.join(process.env.SPILLWAY_NODE_MODULES, "azure-kusto-data/dist-esm/src/index.js");
const { Client, ClientRequestProperties, KustoConnectionStringBuilder } = await import(pathToFileURL(index));

const url = process.env.SPILLWAY_URL;
const token = process.env.SPILLWAY_TOKEN;
const database = "NetDefaultDB";

function connect(withToken = token) {
  return new Client(
    withToken ? KustoConnectionStringBuilder.withAccessToken(url, withToken) : new KustoConnectionStringBuilder(url)
  );
}

const client = connect();
test.after(() => client.close());

function rows(response, table = 0) {
  return [...response.primaryResults[table].rows()];
}

/** The OneApi error of a request that must fail. */
async function failure(promise) {
  const error = await promise.then(() => assert.fail("no error"), (reason) => reason);
  assert.ok(error.response, String(error));
  return { status: error.response.status, error: error.response.data.error };
}

test("every type", async () => {
  const response = await client.executeQuery(
    database,
    `print b = true, i = int(-1), l = long(123456789012), r = 1.5, m = decimal(1.50), s = "a'é\\n",
           d = datetime(2024-01-02T03:04:05.123Z), t = 1d + 1s, g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642),
           y = dynamic({"a": [1, 2.5, "x", null]})`
  );
  const [row] = rows(response);
  assert.equal(row.b, true);
  assert.equal(row.i, -1);
  assert.equal(row.l, 123456789012);
  assert.equal(row.r, 1.5);
  assert.equal(row.m, "1.5");
  assert.equal(row.s, "a'é\n");
  assert.deepEqual(row.d, new Date("2024-01-02T03:04:05.123Z"));
  assert.equal(row.t, 86_401_000);
  assert.equal(row.g, "74be27de-1e4e-49d9-b579-fe0b331d3642");
  assert.deepEqual(row.y, { a: [1, 2.5, "x", null] });
});

test("nulls and several results", async () => {
  const response = await client.executeQuery(
    database,
    "print long(null), datetime(null), time(null), dynamic(null); range x from 1 to 3 step 1"
  );
  assert.deepEqual([...rows(response)[0].values()], [null, null, null, null]);
  assert.deepEqual(rows(response, 1).map((row) => row.x), [1, 2, 3]);
});

test("v1 queries", async () => {
  const response = await client.executeQueryV1(database, "range x from 1 to 2 step 1");
  assert.equal(response.primaryResults.length, 1);
  assert.equal(response.primaryResults[0].name, "PrimaryResult");
  assert.deepEqual(rows(response).map((row) => row.x), [1, 2]);
});

test("commands and data", async () => {
  await client.executeMgmt(database, ".create table Node (n:long, s:string)");
  await client.executeMgmt(database, '.ingest inline into table Node <|\n1,one\n2,"two, or more"');
  assert.equal(rows(await client.execute(database, "Node | count"))[0].Count, 2);
  const shown = await client.execute(database, ".show tables");
  assert.ok(rows(shown).some((row) => row.TableName === "Node"));
  await client.executeMgmt(database, ".drop table Node");
});

test("streaming ingestion", async () => {
  await client.executeMgmt(database, ".create table Stream (n:long, s:string)");
  await client.executeMgmt(
    database,
    `.create table Stream ingestion json mapping "M" '[{"column":"n","path":"$.a"},{"column":"s","path":"$.b"}]'`
  );
  const csv = zlib.gzipSync("1,one\n2,two\n");
  await client.executeStreamingIngest(database, "Stream", csv, "csv", null);
  const lines = zlib.gzipSync('{"a": 3, "b": "three"}\n{"a": 4, "b": "four"}');
  await client.executeStreamingIngest(database, "Stream", lines, "json", "M");
  const shown = await client.execute(database, "Stream | order by n asc | project r = strcat(n, s)");
  assert.deepEqual(rows(shown).map((row) => row.r), ["1one", "2two", "3three", "4four"]);
  const bad = await failure(client.executeStreamingIngest(database, "Stream", zlib.gzipSync("x"), "avro", null));
  assert.equal(bad.status, 400);
  const none = await failure(client.executeStreamingIngest(database, "NoSuchTable", csv, "csv", null));
  assert.match(none.error["@message"], /NoSuchTable/);
  await client.executeMgmt(database, ".drop table Stream");
});

test("parameters, timeouts and ids", async () => {
  const properties = new ClientRequestProperties();
  properties.setParameter("n", 40);
  properties.setParameter("s", "text");
  properties.setTimeout(5 * 60 * 1000);
  properties.clientRequestId = "node;1";
  const response = await client.executeQuery(
    database,
    "declare query_parameters(n:long, s:string); print n = n + 2, s = s",
    properties
  );
  assert.deepEqual(rows(response)[0].toJSON(), { n: 42, s: "text" });
  assert.equal([...response.statusTable.rows()][0].ClientRequestId, "node;1");
});

test("errors", async () => {
  const { status, error } = await failure(client.executeQuery(database, "NoSuchTable | count"));
  assert.equal(status, 400);
  assert.equal(error.code, "General_BadRequest");
  assert.match(error["@message"], /Semantic error.*NoSuchTable/);
  assert.equal(error["@permanent"], true);
  const command = await failure(client.executeMgmt(database, ".drop table NoSuchTable"));
  assert.equal(command.status, 400);
});

test("truncation", async () => {
  await assert.rejects(
    client.executeQuery(database, "set truncationmaxrecords=5; range x from 1 to 10 step 1"),
    /E_QUERY_RESULT_SET_TOO_LARGE/
  );
});

test("a large answer, compressed", async () => {
  const response = await client.executeQuery(database, "range x from 1 to 200000 step 1 | extend s = 'some text'");
  assert.equal(response.primaryResults[0]._rows.length, 200_000);
});

test("a wrong token", { skip: !token }, async () => {
  const other = connect("another");
  assert.equal((await failure(other.executeQuery(database, "print 1"))).status, 401);
  other.close();
});
