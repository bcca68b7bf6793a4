"use strict";
// Of a page that is compressed: unpack it, then run its scripts.

var begun = (async () => {
  if (!window.DecompressionStream) {
    document.getElementById("made").textContent = "This report is compressed, and this browser cannot unpack it: open it in one of 2023 or later.";
    return;
  }
  const [data, ...scripts] = await Promise.all(["data", "plotly", "program"].map(unpacked));
  window.unpackedData = data;
  for (const text of scripts) {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
  }
})();
