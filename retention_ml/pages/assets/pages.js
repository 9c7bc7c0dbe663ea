"use strict";
// Draws the charts of a page from the JSON beside them; filters a table that says so.
(() => {
  const root = document.documentElement;
  const COLOURS = ["ink", "soft", "line", "card", "good", "neutral", "attention", "critical", "series", "faint"];

  // Inside Airflow the page follows Airflow's choice of light or dark.
  const parentScheme = () => {
    try {
      if (window.parent === window) return null;
      const names = window.parent.document.documentElement.classList;
      return names.contains("dark") ? "dark" : names.contains("light") ? "light" : null;
    } catch { return null; }
  };
  const followScheme = () => {
    const scheme = parentScheme();
    if (scheme) root.dataset.scheme = scheme;
  };

  const palette = () => {
    const probe = document.createElement("span");
    root.append(probe);
    const colours = Object.fromEntries(COLOURS.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }));
    probe.remove();
    return colours;
  };

  const number = (digits) => new Intl.NumberFormat("en-US", { maximumFractionDigits: digits });
  const FORMATS = {
    count: (value) => number(0).format(value),
    money: (value) => number(Math.abs(value) < 10 ? 2 : 0).format(value),
    percent: (value) => `${number(1).format(100 * value)} %`,
    number: (value) => number(3).format(value),
  };
  const formatted = (name) => (value) =>
    typeof value === "number" && FORMATS[name] ? FORMATS[name](value) : value ?? "–";

  const coloured = (value, colours) => {
    if (Array.isArray(value)) return value.map((one) => coloured(one, colours));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [
      key,
      /color$/i.test(key) && typeof one === "string" ? colours[one] ?? one
        : /color$/i.test(key) && Array.isArray(one) ? one.map((name) => colours[name] ?? name)
        : coloured(one, colours),
    ]));
  };

  // An interval lies at the height of its row, from its lower to its upper end.
  const interval = (series) => ({
    ...series, type: "custom", silent: true,
    encode: { x: [0, 2], y: 1 },
    renderItem: (_, api) => {
      const [left, right] = [0, 2].map((end) => api.coord([api.value(end), api.value(1)]));
      return { type: "line", style: { stroke: api.visual("color"), lineWidth: 3 },
        shape: { x1: left[0], y1: left[1], x2: right[0], y2: right[1] } };
    },
  });

  const axis = (one, format, colours) => ({
    ...one,
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.line } },
    nameTextStyle: { color: colours.soft },
    axisLabel: { color: colours.soft, hideOverlap: true, ...one.axisLabel,
      ...(one.type === "value" ? { formatter: formatted(format) } : {}) },
    // Half a customer is none: without this an axis up to 1 reads 0, 0, 1, 1.
    ...(one.type === "value" && format === "count" ? { minInterval: 1 } : {}),
  });

  const pointText = (one, spec) => {
    if (one.seriesType !== "scatter") return "";
    const axes = [[spec.option.xAxis, spec.xFormat, 0], [spec.option.yAxis, spec.format, 1]];
    const lines = axes.filter(([axis]) => axis.type === "value")
      .map(([axis, format, place]) => `${axis.name ?? "value"}: ${formatted(format)(one.value[place])}`);
    return [one.name || one.seriesName, ...lines].join("\n");
  };

  const complete = (spec, colours) => {
    const option = coloured(spec.option, colours);
    const axes = (value, format) => [value].flat().map((one) => axis(one, format, colours));
    const isScatter = option.series.some((one) => one.type === "scatter");
    const hasLegend = option.legend?.show;
    const names = new Set(option.series.filter((one) => !one.isBand).map((one) => one.name));
    return {
      ...option,
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 8, right: 18, top: hasLegend ? 36 : 18, bottom: 8, outerBoundsMode: "same", ...option.grid },
      legend: { ...option.legend, top: 0, left: 0, type: "scroll", itemHeight: 10, itemWidth: 16,
        textStyle: { color: colours.soft }, inactiveColor: colours.faint },
      tooltip: { ...option.tooltip, confine: true, backgroundColor: colours.card, borderColor: colours.line,
        textStyle: { color: colours.ink, fontSize: 13 }, renderMode: "richText",
        valueFormatter: formatted(spec.format),
        ...(isScatter ? { formatter: (one) => pointText(one, spec) } : {}) },
      xAxis: axes(option.xAxis, spec.xFormat),
      yAxis: axes(option.yAxis, spec.format),
      series: option.series.map((one) => {
        const series = one.type === "interval" ? interval(one) : { ...one };
        if (one.isBand) series.tooltip = { show: false };
        if (one.type === "heatmap") {
          series.label = { ...one.label, color: colours.ink, textBorderColor: colours.card, textBorderWidth: 3,
            formatter: ({ value }) => formatted(spec.format)(value[2]) };
        }
        if (one.markLine) series.markLine.label = { ...one.markLine.label, color: colours.soft };
        delete series.isBand;
        return series;
      }).filter((one) => one.name === undefined || names.has(one.name)),
    };
  };

  const charts = [];
  const draw = () => {
    if (!window.echarts) {
      document.querySelectorAll("details.as-table").forEach((one) => { one.open = true; });
      return;
    }
    const colours = palette();
    document.querySelectorAll("figure[data-chart]").forEach((figure, place) => {
      const spec = JSON.parse(figure.querySelector("script").textContent);
      const box = figure.querySelector(".chart");
      box.style.height = `${spec.height}px`;
      charts[place] ??= window.echarts.init(box, null, { renderer: "svg" });
      charts[place].setOption(complete(spec, colours), true);
    });
  };

  // A table with a filter hides the rows that do not hold every word, or are of another tier.
  const filters = () => document.querySelectorAll("form[data-filters]").forEach((form) => {
    const table = document.getElementById(form.dataset.filters);
    const rest = form.querySelector("output");
    const apply = () => {
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const tier = form.elements.tier.value;
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !(words.every((word) => text.includes(word)) && (!tier || row.dataset.tier === tier));
        shown += row.hidden ? 0 : 1;
      }
      rest.textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  });

  document.addEventListener("DOMContentLoaded", () => {
    followScheme();
    draw();
    filters();
    let waiting;
    addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => charts.forEach((chart) => chart.resize()), 100);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    if (parentScheme()) {
      new MutationObserver(() => { followScheme(); draw(); })
        .observe(window.parent.document.documentElement, { attributeFilter: ["class"] });
    }
    root.dataset.drawn = "true";
  });
})();
