import assert from "node:assert/strict";
import http from "node:http";
import { Platform, type Launch } from "../../../sandbox/simulators/platform.ts";
import { tinyConsumer, until } from "./support.ts";

describe("simulators: the platform behind Render and Vercel", () => {
  const running: Platform[] = [];
  afterEach(() => Promise.all(running.splice(0).map((platform) => platform.stop())));

  const begin = async (launch: Launch, more: object = {}) => {
    const log: string[] = [];
    const onInstance = (what: string, name: string) => log.push(`${what} ${name}`);
    const platform = new Platform({ launch, healthDeadlineMs: 300, onInstance, ...more });
    running.push(platform);
    await platform.start();
    return { platform, log };
  };

  /** A consumer whose "/slow" answers in two parts, the second when `finish` is called. */
  const slowConsumer = () => {
    const gate = Promise.withResolvers<void>();
    const launch: Launch = async (env) => {
      const exited = Promise.withResolvers<number>();
      const server = http.createServer((request, response) => {
        if (request.url !== "/slow") return void response.end(env.VERSION);
        response.write(`begun by ${env.VERSION},`);
        void gate.promise.then(() => response.end("ended"));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const stop = () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          exited.resolve(0);
        });
      const kill = () => server.closeAllConnections();
      return { port: (server.address() as { port: number }).port, stop, kill, exited: exited.promise };
    };
    return { launch, finish: gate.resolve };
  };

  it("answers 503 while nothing runs", async () => {
    const { platform } = await begin(tinyConsumer().launch);
    assert.equal((await fetch(platform.url)).status, 503);
  });

  it("keeps idle connections for a minute, so that callers end theirs first", async () => {
    const { platform } = await begin(tinyConsumer().launch);
    assert.equal((await fetch(platform.url)).headers.get("keep-alive"), "timeout=65");
  });

  it("streams, and lets a request end at the instance where it began while new ones go to the new", async () => {
    const { launch, finish } = slowConsumer();
    const { platform, log } = await begin(launch);
    await platform.rollOut({ VERSION: "one" }, "d1", 1);
    const slow = (await fetch(`${platform.url}/slow`)).body!.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await slow.read()).value, "begun by one,", "the first part arrives before the answer is complete");
    await platform.rollOut({ VERSION: "two" }, "d2", 1);
    assert.equal(await (await fetch(platform.url)).text(), "two");
    assert.ok(!log.includes("instance.stop d1/0"), "the old instance is still needed");
    finish();
    assert.equal((await slow.read()).value, "ended");
    await platform.drained();
    assert.deepEqual(log, ["instance.start d1/0", "instance.start d2/0", "instance.stop d1/0"]);
  });

  it("does not wait for a request that never ends", async () => {
    const { launch } = slowConsumer();
    const { platform, log } = await begin(launch, { drainMs: 40, stopMs: 40 });
    await platform.rollOut({ VERSION: "one" }, "d1", 1);
    const slow = await fetch(`${platform.url}/slow`);
    await platform.rollOut({ VERSION: "two" }, "d2", 1);
    await platform.drained();
    assert.equal(log.at(-1), "instance.stop d1/0");
    await assert.rejects(slow.text());
  });

  it("goes round the instances, and round one that just died", async () => {
    const consumer = tinyConsumer();
    const { platform } = await begin(consumer.launch);
    await platform.rollOut({ SECRET: "s" }, "d1", 3);
    const ask = async () => ((await (await fetch(platform.url)).json()) as { index: number }).index;
    const seen = new Set([await ask(), await ask(), await ask()]);
    assert.deepEqual([...seen].sort(), [0, 1, 2]);
    consumer.started[1]?.crash();
    for (let turn = 0; turn < 6; turn++) assert.notEqual(await ask(), undefined);
    await until(async () => platform.instances.length === 3);
  });

  it("ends the new instances where one of them does not come up", async () => {
    const consumer = tinyConsumer({ broken: (env) => env.SECRET === "bad" });
    const { platform } = await begin(consumer.launch);
    await platform.rollOut({ SECRET: "good" }, "d1", 1);
    await assert.rejects(
      platform.rollOut({ SECRET: "bad" }, "d2", 2),
      /instance d2\/\d was not healthy at \/health\/liveness/,
    );
    assert.deepEqual(platform.instances, ["d1/0"]);
    await platform.drained();
    const exits = await Promise.all(consumer.started.slice(1).map(({ running }) => running.exited));
    assert.deepEqual(exits, [137, 137]);
  });
});
