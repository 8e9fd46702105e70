// A headless Chromium with one page open, and everything on that page that a test must not overlook.
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { ensureChromium } from "../../sandbox/toolchain/observers.ts";

export interface Opened {
  browser: Browser;
  page: Page;
  /** Errors and warnings of the console, and requests for anything but the page itself. */
  complaints: string[];
  close(): Promise<void>;
}

/** @param file opened as `file://`, at 1280 by 900 */
export async function openFile(file: string): Promise<Opened> {
  const { path } = await ensureChromium();
  // Inside a container there is no user namespace for Chromium's sandbox; the page is our own.
  const browser = await puppeteer.launch({ executablePath: path, args: ["--no-sandbox"] });
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  const complaints: string[] = [];
  const url = `file://${file}`;
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warn")
      complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(error instanceof Error ? error.message : String(error)));
  page.on("request", (request) => {
    if (request.url() !== url) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(url, { waitUntil: "load" });
  return { browser, page, complaints, close: () => browser.close() };
}
