// Encryption as a service of Vault: plaintexts in, ciphertexts out, and back. The key itself is never here.

export interface Transit {
  encrypt(texts: string[]): Promise<string[]>;
  decrypt(ciphertexts: string[]): Promise<string[]>;
}

interface Result {
  ciphertext?: string;
  plaintext?: string;
  error?: string;
}

/** @param key the key's name at the mount `transit` */
export function transit(address: string, token: string, key: string): Transit {
  const batch = async (action: "encrypt" | "decrypt", items: object[]): Promise<Result[]> => {
    if (items.length === 0) return [];
    const response = await fetch(`${address}/v1/transit/${action}/${key}`, {
      method: "POST",
      headers: { "x-vault-token": token, "content-type": "application/json" },
      body: JSON.stringify({ batch_input: items }),
      signal: AbortSignal.timeout(5_000),
    });
    const { data } = (await response.json()) as { data?: { batch_results?: Result[] } };
    const results = data?.batch_results ?? [];
    const failed = results.find(({ error }) => error);
    if (results.length !== items.length || failed)
      throw new Error(`Vault answered ${response.status} to ${action}: ${failed?.error ?? "no results"}`);
    return results;
  };
  return {
    encrypt: async (texts) => {
      const items = texts.map((text) => ({ plaintext: Buffer.from(text).toString("base64") }));
      return (await batch("encrypt", items)).map(({ ciphertext = "" }) => ciphertext);
    },
    decrypt: async (ciphertexts) => {
      const items = ciphertexts.map((ciphertext) => ({ ciphertext }));
      return (await batch("decrypt", items)).map(({ plaintext = "" }) => Buffer.from(plaintext, "base64").toString());
    },
  };
}
