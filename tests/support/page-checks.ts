// What an accessibility checker looks at, computed in the browser: outline and names, and the contrast of every text.
import type { Page } from "puppeteer-core";

/** Missing names, headings out of order, controls and pictures without a label. Empty: none. */
export async function outlineProblems(page: Page): Promise<string[]> {
  return (await page.evaluate(`(() => {
    const said = [];
    const all = (selector) => [...document.querySelectorAll(selector)];
    const shown = (element) => element.getClientRects().length > 0;
    if (!document.documentElement.lang) said.push("no language");
    if (!document.title) said.push("no title");
    for (const one of ["main", "header", "footer", "h1"])
      if (all(one).length !== 1) said.push(all(one).length + " of " + one);
    let level = 0;
    for (const heading of all("h1, h2, h3, h4")) {
      const next = Number(heading.tagName[1]);
      if (next > level + 1) said.push("heading leaps to " + heading.textContent);
      level = next;
    }
    for (const control of all("input, select, button, textarea").filter(shown)) {
      const name = control.labels?.[0]?.textContent || control.getAttribute("aria-label") || control.textContent;
      if (!name.trim()) said.push("no label: " + control.outerHTML.slice(0, 80));
    }
    for (const section of all("section, nav, form, [role=region]"))
      if (!section.getAttribute("aria-label") && !document.getElementById(section.getAttribute("aria-labelledby")))
        said.push("no name: " + section.outerHTML.slice(0, 80));
    for (const svg of all(".chart svg").filter(shown))
      if (!svg.closest("[aria-hidden=true]") && svg.getAttribute("role") !== "img" && svg.clientWidth > 50)
        said.push("a picture without a role: " + svg.outerHTML.slice(0, 80));
    for (const svg of all("svg[role=img]")) if (!svg.getAttribute("aria-label")) said.push("a picture without a name");
    for (const table of all("table")) {
      if (table.tHead && !table.caption && table.id) said.push("no caption: " + table.id);
      for (const head of table.querySelectorAll("thead th[scope]")) if (head.scope !== "col") said.push("scope " + head.scope);
    }
    const ids = all("[id]").map(({ id }) => id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) said.push("id twice: " + id);
    return [...new Set(said)];
  })()`)) as string[];
}

/** Texts below WCAG's 4.5 to 1 (3 to 1 from 24 px on) against what is painted behind them. Empty: none. */
export async function contrastProblems(page: Page): Promise<string[]> {
  return (await page.evaluate(`(() => {
    const parse = (colour) => (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor);
        if (a > 0) return [r, g, b];
      }
      return [255, 255, 255];
    };
    const said = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || /^(SCRIPT|STYLE|OPTION|TITLE)$/i.test(element.tagName)) continue;
      if (element.getClientRects().length === 0 || element.disabled) continue;
      const style = getComputedStyle(element);
      const inSvg = element.closest("svg");
      // Numbers inside the bars of a chart stand in its table too.
      if (inSvg && element.closest("[aria-label=text]") && style.fontSize === "9px") continue;
      const [one, two] = [light(parse(inSvg ? style.fill : style.color)), light(behind(inSvg?.parentElement ?? element))];
      const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      const wanted = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
      if (ratio < wanted) said.add(ratio.toFixed(2) + ": " + element.tagName + "." + (element.className.baseVal ?? element.className) + " " + walker.currentNode.data.trim().slice(0, 30));
    }
    return [...said];
  })()`)) as string[];
}
