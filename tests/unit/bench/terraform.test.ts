// The pure parts of the bench beside Terraform: nothing here needs Terraform, Go or a network.
import assert from "node:assert/strict";
import { compared, head, ratio } from "../../../bench/terraform/ratios.ts";
import { aged, changes, rotating } from "../../../bench/terraform/state.ts";
import { cliConfig, mirrorPath } from "../../../bench/terraform/toolchain.ts";

/** As Terraform 1.11 writes it, shortened. */
const state = {
  version: 4,
  serial: 7,
  resources: [
    {
      module: 'module.secret["SECRET_0000"]',
      type: "random_password",
      instances: [{ attributes: { length: 64, keepers: { window: "2027-03-31T12:00:00Z" } } }],
    },
    {
      module: 'module.secret["SECRET_0000"]',
      type: "time_rotating",
      instances: [
        {
          attributes: {
            id: "2027-03-31T12:00:00Z",
            rfc3339: "2027-03-31T12:00:00Z",
            rotation_days: 30,
            rotation_rfc3339: "2027-04-30T12:00:00Z",
            unix: 1_809_086_400,
            month: 4,
          },
        },
      ],
    },
  ],
};

describe("bench: Terraform's state, aged", () => {
  it("moves every date of a clock and the keepers that carry its base, and nothing else", () => {
    const old = JSON.parse(aged(JSON.stringify(state), 60)) as typeof state;
    assert.equal(old.serial, 8);
    assert.deepEqual(old.resources[1]?.instances[0]?.attributes, {
      id: "2027-01-30T12:00:00Z",
      rfc3339: "2027-01-30T12:00:00Z",
      rotation_days: 30,
      rotation_rfc3339: "2027-03-01T12:00:00Z",
      unix: Date.parse("2027-03-01T12:00:00Z") / 1000,
      year: 2027,
      month: 3,
      day: 1,
      hour: 12,
      minute: 0,
      second: 0,
    });
    assert.deepEqual(old.resources[0]?.instances[0]?.attributes, {
      length: 64,
      keepers: { window: "2027-01-30T12:00:00Z" },
    });
  });

  it("refuses a state without a clock, or of a version that it does not know", () => {
    assert.throws(() => aged(JSON.stringify({ version: 4, serial: 1, resources: [] }), 60), /no time_rotating/);
    assert.throws(() => aged(JSON.stringify({ ...state, version: 5 }), 60), /version 5/);
  });
});

describe("bench: what Terraform says that it did", () => {
  it("reads the closing lines of apply and plan", () => {
    const apply =
      "No changes. Your infrastructure matches the configuration.\n\nApply complete! Resources: 0 added, 0 changed, 0 destroyed.\n";
    assert.deepEqual(changes(apply), { added: 0, changed: 0, destroyed: 0 });
    assert.deepEqual(changes("x\nApply complete! Resources: 48 added, 24 changed, 24 destroyed.\n"), rotating(24));
    assert.deepEqual(changes("Plan: 2 to add, 1 to change, 1 to destroy.\n"), rotating(1));
    assert.deepEqual(changes("No changes. Your infrastructure matches the configuration.\n"), rotating(0));
    assert.equal(changes("Error: no such host"), undefined);
  });
});

describe("bench: ratios", () => {
  it("is below 1 where ours needs less, in two digits", () => {
    assert.deepEqual(
      [ratio(0.6, 12), ratio(9.96, 10), ratio(55, 50), ratio(130, 10), ratio(1, 0), ratio(0, 3)],
      ["0.05", "1.0", "1.1", "13", "-", "0"],
    );
  });

  it("puts Terraform first in each group of columns", () => {
    const line = compared(
      "all",
      { seconds: 78, cpuSeconds: 40, memoryMiB: 300 },
      { seconds: 39, cpuSeconds: 80, memoryMiB: 600 },
    );
    assert.equal(line.length, head.length);
    assert.deepEqual(line, ["all", "78.0", "39.0", "0.50", "40.0", "80.0", "2.0", "300", "600", "2.0"]);
  });
});

describe("bench: where Terraform finds its providers", () => {
  it("lays a mirror out as `terraform init` wants it", () => {
    assert.equal(
      mirrorPath("registry.terraform.io", "time", "0.14.2", { platform: "linux", arch: "x64" }),
      "registry.terraform.io/hashicorp/time/0.14.2/linux_amd64/terraform-provider-time_v0.14.2",
    );
    assert.match(mirrorPath("h", "time", "1", { platform: "darwin", arch: "arm64" }), /darwin_arm64/);
  });

  it("names the mirror and no registry", () => {
    assert.equal(cliConfig("/m"), 'provider_installation {\n  filesystem_mirror {\n    path = "/m"\n  }\n}\n');
  });
});
