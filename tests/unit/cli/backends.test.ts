// Addresses of backends: read as pulumi reads them, and left alone where one says more than is understood here.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStore } from "../../../cli/backends/files.ts";
import { parsePostgres } from "../../../cli/backends/postgres.ts";
import { parseS3 } from "../../../cli/backends/s3.ts";
import { atOneMoment, openStore } from "../../../cli/backends/store.ts";

describe("the address of a bucket", () => {
  it("says bucket, folder and how to get there", () => {
    assert.deepEqual(parseS3("s3://state", {}), { bucket: "state", prefix: "", client: {}, encryption: {} });
    const place = parseS3("s3://state/team/one?region=eu-central-1&profile=ops&awssdk=v2", { AWS_REGION: "us-east-1" });
    assert.deepEqual(place, {
      bucket: "state",
      prefix: "team/one/",
      client: { region: "eu-central-1", profile: "ops" },
      encryption: {},
    });
    assert.equal(parseS3("s3://state/one/?prefix=all-", {})?.prefix, "all-one/");
    assert.equal(parseS3("s3://state", { AWS_DEFAULT_REGION: "eu-west-1" })?.client.region, "eu-west-1");
  });

  it("takes another server's endpoint in the old and the new way", () => {
    const client = {
      endpoint: "http://127.0.0.1:9000",
      forcePathStyle: true,
      requestChecksumCalculation: "WHEN_REQUIRED",
    };
    for (const address of [
      "s3://state?endpoint=http://127.0.0.1:9000&use_path_style=true",
      "s3://state?endpoint=127.0.0.1:9000&disableSSL=true&s3ForcePathStyle=true",
    ])
      assert.deepEqual(parseS3(address, {})?.client, client, address);
    assert.equal(parseS3("s3://state?endpoint=minio.example:9000", {})?.client.endpoint, "https://minio.example:9000");
    assert.equal(parseS3("s3://state?disable_https=1", {})?.client.tls, false);
    const asked = parseS3("s3://state?endpoint=http://a&request_checksum_calculation=when_supported", {});
    assert.equal(asked?.client.requestChecksumCalculation, "WHEN_SUPPORTED");
    const byEnvironment = parseS3("s3://state?endpoint=http://a", { AWS_REQUEST_CHECKSUM_CALCULATION: "x" });
    assert.equal(byEnvironment?.client.requestChecksumCalculation, undefined);
  });

  it("has new objects encrypted as it says", () => {
    assert.deepEqual(parseS3("s3://state?ssetype=AWS:KMS&kmskeyid=k", {})?.encryption, {
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: "k",
    });
  });

  it("is left alone when anything in it is not understood", () => {
    for (const rest of [
      "?role=arn:aws:iam::1:role/x",
      "?anonymous=true",
      "?dualstack=true",
      "?accelerate=true",
      "?key=one",
      "?unheard=of",
      "?region=",
      "?region=a&region=b",
      "?use_path_style=yes",
      "?endpoint=https://a&disable_https=true",
      "?ssetype=none",
      "?request_checksum_calculation=never",
      ":9000",
      "/a/../b",
      "/a//b",
    ])
      assert.equal(parseS3(`s3://state${rest}`, {}), undefined, rest);
    assert.equal(parseS3("s3://user@state", {}), undefined);
    assert.equal(parseS3("gs://state", {}), undefined);
  });
});

describe("the address of a table", () => {
  it("says how to connect, and the database's name stands before every key", () => {
    const place = parsePostgres("postgres://ops:p%40ss@127.0.0.1:5433/pulumi?table=one&sslmode=disable", {});
    const client = { host: "127.0.0.1", port: 5433, user: "ops", database: "pulumi", ssl: false, password: "p@ss" };
    assert.deepEqual(place, {
      table: "one",
      prefix: "pulumi/",
      client: { ...client, connectionTimeoutMillis: 10_000 },
    });
  });

  it("takes the rest from the environment", () => {
    const env = { PGUSER: "ops", PGPASSWORD: "secret", PGHOST: "db", PGDATABASE: "state", PGSSLMODE: "disable" };
    const place = parsePostgres("postgres://", env);
    assert.deepEqual([place?.table, place?.prefix], ["pulumi_state", ""]);
    const { host, user, password, database, port } = place?.client ?? {};
    assert.deepEqual([host, user, password, database, port], ["db", "ops", "secret", "state", 5432]);
  });

  it("verifies a certificate when it is told to", () => {
    const ssl = (rest: string): unknown => parsePostgres(`postgres://ops@db/state?${rest}`, {})?.client.ssl;
    assert.deepEqual(ssl("sslmode=verify-full&sslrootcert=system"), {});
    assert.equal(ssl("sslmode=verify-full&sslrootcert=/nowhere"), undefined);
    const dir = mkdtempSync(join(tmpdir(), "backends-"));
    writeFileSync(join(dir, "ca.crt"), "PEM");
    assert.deepEqual(ssl(`sslmode=verify-full&sslrootcert=${join(dir, "ca.crt")}`), { ca: "PEM" });
    const named = ssl(`sslmode=require&sslrootcert=${join(dir, "ca.crt")}`) as { ca: string };
    assert.equal(named.ca, "PEM", "a named authority is asked also where any certificate would do");
    rmSync(dir, { recursive: true });
  });

  it("is left alone when anything in it, or in the environment, is not understood", () => {
    for (const address of [
      "postgres://ops@db/state?sslmode=prefer",
      "postgres://ops@db/state?options=-c%20x",
      "postgres://ops@db/state?table=a.b",
      "postgres://ops@db/state?table=a;drop",
      "postgres://ops@db/state/more",
      "postgres://ops@one,two/state",
      "postgres://ops@db/state?connect_timeout=soon",
      "postgres://db/",
    ])
      assert.equal(parsePostgres(address, {}), undefined, address);
    assert.ok(parsePostgres("postgres://ops@db/state", {}));
    assert.equal(parsePostgres("postgres://ops@db/state", { PGSERVICE: "x" }), undefined);
  });
});

describe("the store of a backend", () => {
  it("is there for files, S3 and Postgres alone", async () => {
    for (const url of ["https://api.pulumi.com", "azblob://state", "gs://state", "s3://state?role=x", ""])
      assert.equal(await openStore({ PULUMI_BACKEND_URL: url }), undefined, url);
    for (const url of ["file:///nowhere", "s3://state?region=a", "postgres://ops@127.0.0.1:1/state?sslmode=disable"])
      assert.ok(await openStore({ PULUMI_BACKEND_URL: url }), url);
  });

  it("is listed once for many stacks of a project, and each sees its own", async () => {
    const keys = ["stacks/app/a.json", "stacks/app/ab.json", "locks/organization/app/a/1.json"];
    const asked: string[] = [];
    const list = (prefix: string): Promise<string[]> => {
      asked.push(prefix);
      return Promise.resolve(keys.map((key) => `.pulumi/${key}`).filter((key) => key.startsWith(prefix)));
    };
    const store = atOneMoment({ ...fileStore("/nowhere"), list });
    const found = await Promise.all(
      ["stacks/app/a.json", "stacks/app/ab.json", "locks/organization/app/a/", "locks/organization/app/ab/"].map(
        (prefix) => store.list(`.pulumi/${prefix}`),
      ),
    );
    assert.deepEqual(
      found.map((each) => each.length),
      [1, 1, 1, 0],
    );
    assert.deepEqual(asked, [".pulumi/stacks/app/", ".pulumi/locks/organization/app/"]);
  });

  it("of files reads, lists, writes and removes, and passes over files of metadata", async () => {
    const folder = mkdtempSync(join(tmpdir(), "backends-"));
    const store = fileStore(join(folder, "state"));
    const stacks = ".pulumi/stacks/app";
    assert.deepEqual([await store.read(`${stacks}/a.json`), await store.list(`${stacks}/`)], [undefined, []]);
    await store.write(`${stacks}/a.json`, "1");
    await store.write(`${stacks}/a.json`, "2");
    await store.write(`${stacks}/a.json.bak`, "3");
    await store.write(`${stacks}/b.json`, "4");
    mkdirSync(join(folder, "state", stacks, "a.json.d"));
    writeFileSync(join(folder, "state", stacks, "a.json.attrs"), "{}");
    assert.equal((await store.read(`${stacks}/a.json`))?.toString(), "2");
    assert.equal(statSync(join(folder, "state", stacks, "a.json")).mode & 0o777, 0o600);
    assert.deepEqual((await store.list(`${stacks}/a.json`)).sort(), [`${stacks}/a.json`, `${stacks}/a.json.bak`]);
    assert.equal((await store.list(".pulumi/")).length, 3);
    await store.remove(`${stacks}/a.json`);
    await store.remove(`${stacks}/a.json`);
    assert.equal(await store.read(`${stacks}/a.json`), undefined);
    assert.throws(() => statSync(join(folder, "state", stacks, "a.json.attrs")), "its metadata goes with it");
    rmSync(folder, { recursive: true });
  });
});
