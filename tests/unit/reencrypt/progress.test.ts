import assert from "node:assert/strict";
import { Progress } from "../../../provider/reencrypt/progress.ts";

describe("progress of a re-encryption", () => {
  const told = (total: number, ...steps: number[]): string[] => {
    const lines: string[] = [];
    const progress = new Progress((line) => lines.push(line), "customers.card", total, 0);
    for (const rows of steps) progress.add(rows);
    progress.end();
    return lines;
  };

  it("shows a bar, how much is done, how fast, and how long it will take", () => {
    const [first = "", second = "", last = ""] = told(2000, 500, 500);
    assert.match(first, /^customers\.card: █{5}░{15} 25 % \(500 of 2,000 rows\), [\d,]+ rows\/s, about \d+ s left$/);
    assert.match(second, /^customers\.card: █{10}░{10} 50 % \(1,000 of 2,000 rows\)/);
    assert.match(last, /^customers\.card: re-encrypted 1,000 rows in \d+ s, [\d,]+ rows\/s$/);
  });

  it("is not at its end before it has ended, whatever live writes add, and says nothing of nothing", () => {
    assert.match(told(100, 150)[0] ?? "", / 99 % \(150 of 100 rows\), .*about 0 s left$/);
    assert.deepEqual(told(0), []);
  });
});
