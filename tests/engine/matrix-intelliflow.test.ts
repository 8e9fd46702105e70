import { intelliflow } from "../matrix/applications/intelliflow.ts";
import { fixedPart } from "../matrix/fixed-part.ts";

describe("faults at every call of IntelliFlow's first run and rotation, on the real engine", function () {
  this.timeout(1_800_000);

  it("are got through, or finished by the next runs, with nothing lost, left over, refused or shown", () =>
    fixedPart(intelliflow, 120));
});
