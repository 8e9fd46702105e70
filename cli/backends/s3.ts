// A backend in a bucket of S3, or of what speaks its protocol.
import type { S3ClientConfig, ServerSideEncryption } from "@aws-sdk/client-s3";
import { keyPrefix, parseAddress, type Store } from "./store.ts";

/** Where the state is, as an address says it. */
export interface S3Place {
  bucket: string;
  /** Before every key; "" or ends with what the address says. */
  prefix: string;
  client: S3ClientConfig;
  /** Goes with every object that is written. */
  encryption: { ServerSideEncryption?: ServerSideEncryption; SSEKMSKeyId?: string };
}

/** How Go reads a truth (strconv.ParseBool). */
const truths = new Map(
  [
    ["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
    ["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
  ].flat(),
);
const checksums = { when_supported: "WHEN_SUPPORTED", when_required: "WHEN_REQUIRED" } as const;
const encryptions: readonly ServerSideEncryption[] = ["AES256", "aws:kms", "aws:kms:dsse"];

/**
 * Reads an address as pulumi does: gocloud.dev/blob/s3blob (URLOpener) and gocloud.dev/aws (V2ConfigFromURLParams), after
 * pkg/backend/diy/backend.go has translated what older versions took (translateLegacyS3Params).
 * @param env of it the region, for the SDK for JavaScript does not look at AWS_DEFAULT_REGION
 * @returns undefined when the address says anything that is not understood here, like a role or a dual stack
 */
export function parseS3(address: string, env: NodeJS.ProcessEnv): S3Place | undefined {
  const { url, parameters } = parseAddress(address) ?? {};
  if (!url || !parameters || url.protocol !== "s3:" || !url.hostname || url.port || url.username) return undefined;
  const prefix = keyPrefix(url, parameters);
  const client: S3ClientConfig = {};
  const encryption: S3Place["encryption"] = {};
  const region = parameters.get("region") ?? env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"];
  if (region) client.region = region;
  let [plain, understood] = [false, prefix !== undefined];
  for (const [name, value] of parameters) {
    const truth = truths.get(value);
    const checksum = checksums[value.toLowerCase() as keyof typeof checksums] as
      (typeof checksums)[keyof typeof checksums] | undefined;
    if (name === "profile") client.profile = value;
    else if (name === "kmskeyid") encryption.SSEKMSKeyId = value;
    else if (name === "ssetype") {
      const kind = encryptions.find((each) => each.toLowerCase() === value.toLowerCase());
      if (kind) encryption.ServerSideEncryption = kind;
      else understood = false;
    } else if (name === "use_path_style" || name === "s3ForcePathStyle") {
      if (truth === undefined) understood = false;
      else client.forcePathStyle = truth;
    } else if (name === "disable_https" || name === "disableSSL") {
      if (truth === undefined) understood = false;
      else plain ||= truth;
    } else if (name === "request_checksum_calculation") {
      if (checksum) client.requestChecksumCalculation = checksum;
      else understood = false;
    } else if (name === "response_checksum_validation") {
      if (checksum) client.responseChecksumValidation = checksum;
      else understood = false;
    } else if (!["region", "endpoint", "prefix", "awssdk"].includes(name)) understood = false;
  }
  const given = parameters.get("endpoint");
  if (given !== undefined) {
    const endpoint = given.includes("://") ? given : `${plain ? "http" : "https"}://${given}`;
    // What plain HTTP makes of such an endpoint is for pulumi to say.
    if (!URL.canParse(endpoint) || (plain && endpoint.startsWith("https:"))) understood = false;
    client.endpoint = endpoint;
    if (!env["AWS_REQUEST_CHECKSUM_CALCULATION"]) client.requestChecksumCalculation ??= "WHEN_REQUIRED";
  } else if (plain) client.tls = false;
  return understood && prefix !== undefined ? { bucket: url.hostname, prefix, client, encryption } : undefined;
}

/**
 * Credentials come as everywhere with the SDK: from the environment, the profile, the web identity, the machine.
 * @returns undefined for an address that is not understood
 */
export async function openS3(address: string, env: NodeJS.ProcessEnv): Promise<Store | undefined> {
  const place = parseS3(address, env);
  if (!place) return undefined;
  const s3 = await import("@aws-sdk/client-s3");
  const { bucket: Bucket, prefix } = place;
  const client = new s3.S3Client({
    // Pulumi checks what it reads; here a flipped bit is a state that differs. It would be a fifth of the time.
    responseChecksumValidation: "WHEN_REQUIRED",
    ...place.client,
    // A store that does not answer costs the run this, and then the engine says what is wrong.
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000 },
  });
  const list = async (wanted: string): Promise<string[]> => {
    const keys: string[] = [];
    for await (const page of s3.paginateListObjectsV2({ client }, { Bucket, Prefix: prefix + wanted }))
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key.slice(prefix.length));
    return keys;
  };
  return {
    list,
    async read(key) {
      try {
        const { Body } = await client.send(new s3.GetObjectCommand({ Bucket, Key: prefix + key }));
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      } catch (error) {
        if (error instanceof s3.NoSuchKey) return undefined;
        throw error;
      }
    },
    async write(key, bytes) {
      const object = { Bucket, Key: prefix + key, Body: bytes, ContentType: "application/json", ...place.encryption };
      await client.send(new s3.PutObjectCommand(object));
    },
    async remove(key) {
      await client.send(new s3.DeleteObjectCommand({ Bucket, Key: prefix + key }));
    },
    async removeAll(folder) {
      const keys = await list(folder);
      // No more than 1,000 in one request (DeleteObjects).
      for (let at = 0; at < keys.length; at += 1000) {
        const Objects = keys.slice(at, at + 1000).map((key) => ({ Key: prefix + key }));
        await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      }
    },
  };
}
