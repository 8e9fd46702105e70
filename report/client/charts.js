// Draws the charts from the data in the page, with Observable Plot.
/* global document, Plot, requestAnimationFrame, addEventListener */
(() => {
  const { now, phases, secrets, generations, runs } = JSON.parse(document.getElementById("data").textContent);
  const today = new Date(now);
  const day = 86_400_000;
  const perPage = 40;
  const classes = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
  const by = (id) => document.getElementById(id);
  const date = (text) => text.slice(0, 10);
  let names = secrets.map(({ name }) => name);
  let first = 0;

  /** Puts a drawing in its place and gives it a name for those who do not see it. */
  function place(id, label, plot) {
    const svg = plot.tagName === "svg" ? plot : [...plot.children].findLast(({ tagName }) => tagName === "svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    by(id).replaceChildren(plot);
  }

  const width = (id) => Math.max(560, by(id).clientWidth || 900);

  function drawCalendar() {
    const from = new Date(today.getTime() - 8 * 7 * day);
    const to = new Date(today.getTime() + 26 * 7 * day);
    const due = secrets.map((secret) => ({ ...secret, at: new Date(Math.max(Date.parse(secret.dueAt), +from)) }));
    const plot = Plot.plot({
      width: width("calendar"),
      height: 220,
      marginTop: 30,
      marginLeft: 45,
      x: { domain: [from, to], label: null },
      y: { grid: true, label: "secrets", tickFormat: (n) => (Number.isInteger(n) ? `${n}` : "") },
      color: {
        legend: true,
        domain: classes,
        range: ["var(--critical)", "var(--high)", "var(--medium)", "var(--low)"],
      },
      marks: [
        Plot.rectY(
          due.filter(({ at }) => at <= to),
          Plot.binX(
            { y: "count" },
            { x: "at", fill: "class", order: classes, interval: "week", inset: 1, title: "class" },
          ),
        ),
        Plot.ruleX([today], { stroke: "var(--text)", strokeWidth: 1.5 }),
        Plot.text([today], {
          x: (d) => d,
          frameAnchor: "top",
          dx: 4,
          dy: -14,
          textAnchor: "start",
          text: () => "today",
        }),
        Plot.ruleY([0]),
      ],
    });
    const late = secrets.filter(({ dueAt }) => dueAt < now).length;
    place(
      "calendar",
      `Bar chart: ${secrets.length} secrets by the week in which they fall due; ${late} are past due.`,
      plot,
    );
  }

  /** The bars of the names on this page; a secret of which nothing is recorded has its current value. */
  function bars(page) {
    const rowOf = new Map(page.map((name, row) => [name, row]));
    const known = generations.filter(({ secret }) => rowOf.has(secret));
    const told = new Set(known.filter(({ until }) => !until).map(({ secret }) => secret));
    const current = secrets
      .filter(({ name }) => rowOf.has(name) && !told.has(name))
      .map(({ name, generation, rotatedAt }) => ({
        secret: name,
        generation,
        from: rotatedAt,
        until: "",
        accepted: "",
        ended: false,
      }));
    return [...known, ...current].map((bar) => ({
      ...bar,
      row: rowOf.get(bar.secret),
      start: new Date(bar.from),
      end: new Date(bar.until || now),
      over: bar.accepted ? new Date(bar.accepted) : undefined,
      lane: bar.generation % 2,
    }));
  }

  function span(page, drawn) {
    const days = Number(by("span").value);
    const earliest = Math.min(today - 30 * day, ...drawn.map(({ start }) => +start));
    const from = days ? Math.max(earliest, today - days * day) : earliest;
    const dues = secrets.filter(({ name }) => page.includes(name)).map(({ dueAt }) => Date.parse(dueAt));
    return [new Date(from), new Date(Math.min(Math.max(today.getTime() + 14 * day, ...dues), +today + 120 * day))];
  }

  function lifeOf({ secret, generation, from, until, accepted, ended }) {
    const grace = accepted ? `, ${ended ? "accepted until" : "grace until"} ${date(accepted)}` : "";
    return `${secret}\ngeneration ${generation}: ${date(from)} to ${until ? date(until) : "now"}${grace}`;
  }

  function drawTimeline() {
    const page = names.slice(first, first + perPage);
    by("timeline-place").textContent =
      names.length === 0 ? "none" : `${first + 1} to ${first + page.length} of ${names.length}`;
    by("timeline-back").disabled = first === 0;
    by("timeline-on").disabled = first + perPage >= names.length;
    if (page.length === 0) {
      by("timeline").replaceChildren("No secret fits the search.");
      by("timeline-table").querySelector("div").replaceChildren();
      return;
    }
    const drawn = bars(page);
    const domain = span(page, drawn);
    const shown = drawn.filter(({ end, over }) => Math.max(+end, +(over ?? 0)) >= +domain[0]);
    const clip = (at) => new Date(Math.min(Math.max(+at, +domain[0]), +domain[1]));
    const top = ({ row, lane }) => row + 0.1 + lane * 0.4;
    const bottom = ({ row, lane }) => row + 0.5 + lane * 0.4;
    const due = secrets.flatMap((secret) => {
      const row = page.indexOf(secret.name);
      const at = new Date(secret.dueAt);
      return row < 0 || at > domain[1] || at < domain[0] ? [] : [{ ...secret, row, at }];
    });
    // A value that was made today shows too.
    const thin = (domain[1] - domain[0]) / 250;
    const longest = Math.max(...page.map((name) => name.length));
    const plot = Plot.plot({
      width: width("timeline"),
      height: 50 + page.length * 26,
      marginLeft: Math.min(300, 20 + longest * 7),
      marginTop: 30,
      marginBottom: 20,
      x: { domain, axis: "top", label: null, grid: true },
      y: { domain: [page.length, 0], axis: null },
      marks: [
        Plot.ruleY(page.keys(), { y: (row) => row, stroke: "var(--line)" }),
        Plot.text(page, {
          x: () => domain[0],
          y: (_, row) => row + 0.5,
          text: (name) => (name.length > 40 ? `…${name.slice(-39)}` : name),
          textAnchor: "end",
          dx: -8,
          fill: "var(--text)",
        }),
        Plot.rect(shown, {
          x1: ({ start }) => clip(start),
          x2: ({ start, end }) => clip(Math.max(+end, +start + thin)),
          y1: top,
          y2: bottom,
          fill: ({ until }) => (until ? "var(--past)" : "var(--live)"),
          rx: 2,
          title: lifeOf,
        }),
        Plot.rect(
          shown.filter(({ over }) => over),
          {
            x1: ({ end }) => clip(end),
            x2: ({ over }) => clip(over),
            y1: top,
            y2: bottom,
            fill: "url(#grace)",
            stroke: "var(--grace)",
            title: lifeOf,
          },
        ),
        Plot.text(
          shown.filter(({ start, end }) => clip(end) - clip(start) > (domain[1] - domain[0]) / 40),
          {
            x: ({ start }) => clip(start),
            y: (bar) => (top(bar) + bottom(bar)) / 2,
            text: ({ generation }) => `${generation}`,
            textAnchor: "start",
            dx: 4,
            fontSize: 9,
            fill: ({ until }) => (until ? "var(--text)" : "var(--page)"),
          },
        ),
        Plot.ruleY(
          due.filter(({ at }) => at > today),
          { y: ({ row }) => row + 0.5, x1: () => today, x2: "at", stroke: "var(--live)", strokeOpacity: 0.45 },
        ),
        Plot.dot(due, {
          x: "at",
          y: ({ row }) => row + 0.5,
          symbol: "diamond",
          r: 4,
          fill: ({ dueAt }) => (dueAt < now ? "var(--bad)" : "var(--attention)"),
          title: ({ name, dueAt }) => `${name} is due on ${date(dueAt)}`,
        }),
        Plot.ruleX([today], { stroke: "var(--text)", strokeDasharray: "3,3" }),
      ],
    });
    stripes(plot);
    place(
      "timeline",
      `Timeline of ${shown.length} generations of ${page.length} secrets; the table below tells the same.`,
      plot,
    );
    tabulate(shown);
  }

  /** The pattern of grace periods. */
  function stripes(svg) {
    const make = (name, attributes) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      return element;
    };
    const pattern = make("pattern", {
      id: "grace",
      width: 5,
      height: 5,
      patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)",
    });
    pattern.append(make("rect", { width: 2.5, height: 5, fill: "var(--grace)" }));
    const defs = make("defs", {});
    defs.append(pattern);
    svg.prepend(defs);
  }

  function tabulate(shown) {
    const table = document.createElement("table");
    const line = (cells, kind) => {
      const row = document.createElement("tr");
      for (const text of cells) row.append(Object.assign(document.createElement(kind), { textContent: text }));
      return row;
    };
    table.createTHead().append(line(["Secret", "Generation", "Live from", "Until", "Accepted until"], "th"));
    table
      .createTBody()
      .append(
        ...shown.map((bar) =>
          line(
            [bar.secret, `${bar.generation}`, date(bar.from), bar.until ? date(bar.until) : "now", date(bar.accepted)],
            "td",
          ),
        ),
      );
    by("timeline-table").querySelector("div").replaceChildren(table);
  }

  function drawRuns() {
    const timed = runs.filter((run) => Object.keys(run.phases).length > 0).slice(0, 15);
    if (timed.length === 0) return;
    const began = new Map(timed.map(({ id, at }) => [id, at.slice(0, 16).replace("T", " ")]));
    const parts = timed.flatMap((run) =>
      phases
        .filter((phase) => run.phases[phase] > 0)
        .map((phase) => ({ run: run.id, phase, seconds: run.phases[phase] })),
    );
    const plot = Plot.plot({
      width: width("phases"),
      height: 70 + timed.length * 24,
      marginLeft: 130,
      marginBottom: 42,
      x: { grid: true, labelOffset: 36, label: "seconds, summed over secrets" },
      y: { domain: [...began.keys()], tickFormat: (id) => began.get(id), label: null },
      color: { legend: true, domain: phases, range: phases.map((_, at) => `var(--chart-${at + 1})`) },
      marks: [
        Plot.barX(parts, {
          x: "seconds",
          y: "run",
          fill: "phase",
          order: phases,
          inset: 0.5,
          title: ({ phase, seconds }) => `${phase}: ${seconds.toFixed(1)} s`,
        }),
        Plot.ruleX([0]),
      ],
    });
    place(
      "phases",
      `Bar chart: seconds by phase of the last ${timed.length} runs; the table below tells the same.`,
      plot,
    );
  }

  let planned = false;
  function plan(draw) {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      draw();
    });
  }
  function drawAll() {
    drawCalendar();
    drawTimeline();
    drawRuns();
  }
  document.addEventListener("shown", ({ detail }) => {
    names = secrets.map(({ name }) => name).filter((name) => detail.has(name));
    first = 0;
    plan(drawTimeline);
  });
  by("span").addEventListener("change", drawTimeline);
  by("timeline-back").addEventListener("click", () => {
    first = Math.max(0, first - perPage);
    drawTimeline();
  });
  by("timeline-on").addEventListener("click", () => {
    first += perPage;
    drawTimeline();
  });
  addEventListener("resize", () => plan(drawAll));
  drawAll();
})();
