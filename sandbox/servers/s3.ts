// An S3 server for state in a bucket: versitygw on a folder, one administrator, one bucket.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { ManagedProcess, Supervisor } from "./process.ts";
import { answers } from "./wait.ts";

/** What the server needs. */
export interface S3Options {
  supervisor: Supervisor;
  /** Folder of the buckets; created at the first start, reused afterwards. */
  dir: string;
  /** The `versitygw` executable. */
  binary: string;
  port: number;
  /** The administrator's key; it reaches the server through its environment. */
  accessKeyId: string;
  secretAccessKey: string;
  /** The bucket to be there. */
  bucket: string;
}

/** The running server. */
export interface S3 {
  port: number;
  process: ManagedProcess;
  /** What PULUMI_BACKEND_URL is for the bucket, or for a folder in it; the key is not in it. */
  backendUrl(folder?: string): string;
  /** The variables by which clients find the key. */
  env: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  /** A client of the administrator's, for tests that look into the bucket. */
  client: S3Client;
}

/** The region that the server is in; a client has to name it in its signatures. */
const region = "us-east-1";

/**
 * Starts the server and makes the bucket.
 * @throws when it does not start, for instance on a file system without extended attributes, in which it keeps metadata
 */
export async function startS3(options: S3Options): Promise<S3> {
  const { port, accessKeyId, secretAccessKey, bucket } = options;
  const data = join(options.dir, "buckets");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const endpoint = `http://127.0.0.1:${port}`;
  const process = await options.supervisor.start({
    name: "s3",
    command: options.binary,
    args: ["--port", `127.0.0.1:${port}`, "--region", region, "--health", "/health", "--quiet", "posix", data],
    env: {
      PATH: "/usr/bin:/bin",
      HOME: options.dir,
      ROOT_ACCESS_KEY_ID: accessKeyId,
      ROOT_SECRET_ACCESS_KEY: secretAccessKey,
    },
    cwd: options.dir,
    ready: () => answers(`${endpoint}/health`),
  });
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
  });
  return {
    port,
    process,
    backendUrl: (folder = "") =>
      `s3://${bucket}${folder && `/${folder}`}?endpoint=${encodeURIComponent(endpoint)}&region=${region}&use_path_style=true`,
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    client,
  };
}
