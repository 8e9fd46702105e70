// Places for a state, as their owners have them: a bucket of an S3 server, a table of PostgreSQL. What lies there is looked
// at past the product, with the servers' own clients.
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { GetObjectCommand, paginateListObjectsV2, type _Object } from "@aws-sdk/client-s3";
import { rememberedPorts } from "../../sandbox/servers/ports.ts";
import type { Postgres } from "../../sandbox/servers/postgres.ts";
import type { Supervisor } from "../../sandbox/servers/process.ts";
import { startS3 } from "../../sandbox/servers/s3.ts";
import { pulumi, repository } from "../../sandbox/stack.ts";
import { buildVersitygw } from "../../sandbox/toolchain/builds.ts";
import { reporter } from "../../sandbox/toolchain/progress.ts";

/** One object or row. */
export interface Entry {
  /** Changes with every write, also of the same bytes. */
  stamp: string;
  /** Decompressed. */
  text: string;
}

export interface Place {
  /** PULUMI_BACKEND_URL, and the variables by which clients find the key. */
  env: Record<string, string>;
  /** What may not be found in it. */
  key: string;
  /** Everything in it, by its whole key. */
  entries(): Promise<Map<string, Entry>>;
}

/**
 * A bucket; the state is below a folder of it, so that prefixes are tried too.
 * @param dir the server's folder
 */
export async function bucket(dir: string, supervisor: Supervisor): Promise<Place> {
  const { path: binary } = await buildVersitygw(reporter());
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { s3: port } = await rememberedPorts(dir, ["s3"]);
  const key = randomBytes(24).toString("hex");
  const server = await startS3({
    ...{ supervisor, dir, binary, port, bucket: "state" },
    accessKeyId: "state-keeper",
    secretAccessKey: key,
  });
  const { client } = server;
  return {
    env: { PULUMI_BACKEND_URL: server.backendUrl("team/rotation"), ...server.env },
    key,
    async entries() {
      const objects: _Object[] = [];
      for await (const page of paginateListObjectsV2({ client }, { Bucket: "state" }))
        objects.push(...(page.Contents ?? []));
      const read = objects.map(async ({ Key = "", ETag, LastModified }): Promise<[string, Entry]> => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: "state", Key }));
        const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
        return [Key, { stamp: `${ETag} ${LastModified?.toISOString()}`, text: plain(Key, bytes) }];
      });
      return new Map(await Promise.all(read));
    },
  };
}

/** A table in a database of its own, whose login may no more than that. */
export async function table(postgres: Postgres): Promise<Place> {
  const key = randomBytes(24).toString("hex");
  await postgres.query(`create role state_keeper login password '${key}'`, [], "postgres");
  await postgres.query("create database rotation_state owner state_keeper", [], "postgres");
  const url = `postgres://state_keeper@127.0.0.1:${postgres.port}/rotation_state?table=stacks&sslmode=disable`;
  return {
    env: { PULUMI_BACKEND_URL: url, PGPASSWORD: key },
    key,
    async entries() {
      const sql = "select key, data, xmin::text || ' ' || updated_at::text as stamp from stacks";
      const rows = await postgres.query<{ key: string; data: { data: string }; stamp: string }>(
        sql,
        [],
        "rotation_state",
      );
      return new Map(
        rows.map(({ key, data, stamp }) => [key, { stamp, text: plain(key, Buffer.from(data.data, "base64")) }]),
      );
    },
  };
}

function plain(key: string, bytes: Buffer): string {
  return (key.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
}

/**
 * Makes a stack in a place, with its configuration in a folder of its own.
 * @param env the place's and the sandbox's
 * @returns the configuration's file, for PULUMI_OPTION_CONFIG_FILE
 */
export async function makeStack(
  folder: string,
  name: string,
  config: Record<string, unknown>,
  env: Record<string, string>,
): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  cpSync(join(repository, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  const rest = { ...env };
  for (const own of ["PULUMI_STACK", "PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_POLICY_PACK"]) delete rest[own];
  const made = await pulumi(["stack", "init", name, "--non-interactive"], { env: rest, cwd: folder });
  if (made.code !== 0) throw new Error(made.stderr || made.stdout);
  const file = join(folder, `Pulumi.${name}.yaml`);
  const salt = /^encryptionsalt: .*$/m.exec(readFileSync(file, "utf8"))?.[0] ?? "";
  const whole = { "secret-rotation:environment": "sandbox", ...config };
  writeFileSync(file, `${salt}\nconfig: ${JSON.stringify(whole)}\n`);
  return file;
}
