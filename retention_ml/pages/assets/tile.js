// The tile on Airflow's home page: in time or not, how many are at risk, of what value.
// Airflow hands over React and its own components, so nothing is built and nothing is fetched.
const { createElement: h, useEffect, useState } = globalThis.React;
const { Box, Heading, HStack, Text, Link } = globalThis.ChakraUI;
const COLOURS = { "in time": "green.fg", waiting: "orange.fg", late: "red.fg" };
const ADDRESS = new URL("..", import.meta.url);

globalThis["Retention today"] = function RetentionToday() {
  const [today, setToday] = useState({ sentence: "…", verdict: "", figures: {} });
  useEffect(() => {
    fetch(new URL("headline.json", ADDRESS), { credentials: "same-origin" })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
      .then(setToday)
      .catch(() => setToday({ sentence: "The pages do not answer now.", verdict: "late", figures: {} }));
  }, []);
  return h(Box, { borderWidth: 1, borderRadius: "md", p: 4, mb: 4 },
    h(HStack, { justifyContent: "space-between" },
      h(Heading, { size: "sm" }, "Retention"),
      h(Link, { href: new URL("plugin/retention", document.baseURI).href }, "Open")),
    h(Text, { color: COLOURS[today.verdict], fontWeight: "semibold", mt: 1 }, today.sentence),
    h(HStack, { gap: 8, mt: 2 }, ...Object.entries(today.figures).map(([name, value]) =>
      h(Box, { key: name }, h(Text, { fontSize: "lg", fontWeight: "bold" }, value),
        h(Text, { fontSize: "sm", color: "fg.muted" }, name)))));
};
