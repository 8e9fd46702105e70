// provider/credentials/acme-key.ts
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { fitted, makeOnce } from "../../../provider/credentials/once.ts";
import { request, type Call, type Vendor } from "../../../provider/vendors/http.ts";

interface Key {
  id: string;
  name: string;
}

/** A key of Acme's API. Acme shows a value once, and neither who uses a key nor when. Settings: none. */
export function acmeKey(vendor: Vendor): CredentialKind {
  const call = async (method: Call["method"], path: string, purpose: string, body?: object): Promise<unknown> =>
    (await request(vendor, { method, path, purpose, accept: [404], ...(body ? { body } : {}) })).body;
  const keys = async (): Promise<Key[]> => ((await call("GET", "/keys", "list the keys")) as { keys: Key[] }).keys;
  const remove = (id: string): Promise<unknown> => call("DELETE", `/keys/${id}`, `end the key ${id}`);
  return {
    kind: "acme-key",
    validate: () => [],
    issue: async ({ name }) => {
      const label = fitted(name, 50);
      const { id, value } = await makeOnce({
        what: `Acme key ${label}`,
        leftovers: async () => (await keys()).filter((key) => key.name === label),
        remove,
        create: async () =>
          (await call("POST", "/keys", `make the key ${label}`, { name: label })) as { id: string; value: string },
      });
      return { value, reference: id };
    },
    prove: async (_args, { value, reference }) => {
      const headers = { authorization: `Bearer ${value}` };
      const purpose = `use the key ${reference}`;
      await request({ ...vendor, headers }, { method: "GET", path: "/me", purpose });
    },
    recognise: async (_args, { name, before }) => {
      const made = await keys();
      const idOf = (label: string): string | undefined => made.find((key) => key.name === fitted(label, 50))?.id;
      const reference = idOf(name);
      return reference === undefined ? undefined : { reference, previous: idOf(before) };
    },
    valid: async (_args, reference) => (await keys()).some(({ id }) => id === reference),
    users: async () => undefined,
    revoke: async (_args, reference) => void (await remove(reference)),
  };
}
